"""The contract that a publisher validates by: one that is given, that of a file or a model, or the default one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.rejection import Reason, reasons

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from rookery.schemas.contract.reading_classes import AnyReading, AnyTable


class InvalidReadingError(ValueError):
    """Values that are no reading by the contract; carries every reason."""

    def __init__(self, *because: Reason) -> None:
        super().__init__("; ".join(f"{each.field}: {each.rule} ({each.value})" for each in because))
        self.reasons = because


def compiled_of(contract: Contract | PathLike[str] | str | None) -> CompiledContract:
    """Compile a contract, or that of a file of JSON or of a model (a path or `gs://bucket/object`); None is the default one.

    Raises InvalidContractError with every reason, ContractUnreachableError.
    """
    if contract is None:
        return default_compiled()
    if isinstance(contract, Contract):
        return CompiledContract(contract)
    from rookery.schemas.contract.source import contract_of  # noqa: PLC0415  a publisher of the default one reads no model

    return CompiledContract(contract_of(contract))


def valid_readings(values: Mapping[str, Any], contract: CompiledContract) -> AnyReading | AnyTable:
    """Make a reading of values by the features' names, or a table of columns of them; raises InvalidReadingError."""
    table = any(isinstance(value, list | tuple) for value in values.values())
    kind = contract.table if table else contract.reading
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidReadingError(*reasons(error)) from None
