"""Inspection: every reason why a payload cannot be classified, found in memory of a few times its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from rookery.schemas.contract.reading_classes import needed
from rookery.schemas.parsing.checks import checked, named, reason_of, stand_in, unknown_fields
from rookery.schemas.parsing.table_inspection import inspected_table
from rookery.schemas.parsing.values import TooManyValuesError, parsed
from rookery.schemas.rejection import RULES, Reason, UnusableReadingError, capped

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.schemas.contract.compiled import CompiledContract, Fields
    from rookery.schemas.parsing.decoded import DecodedTable

_BEGIN_BYTES: Final = 16 * 1024
"""The part that is read of a payload that is too large."""


def inspected(
    payload: bytes, contract: CompiledContract, *, pause: Callable[[], object] = lambda: None
) -> Fields | DecodedTable:
    """Read any payload as the codec does, in memory of a few times its size; raises UnusableReadingError.

    `pause` is called between two slices of the work.
    """
    raw: Any = None
    try:
        raw = parsed(payload)
        if isinstance(raw, dict) and any(isinstance(value, list) for value in raw.values()):
            return inspected_table(raw, contract, pause)
        return _reading(raw, contract)
    except TooManyValuesError as error:
        raise _too_large(payload, error, contract) from None
    except UnusableReadingError as unusable:
        # So that nothing has to read it all again.
        unusable.names = named(raw)
        raise


def _too_large(payload: bytes, error: TooManyValuesError, contract: CompiledContract) -> UnusableReadingError:
    """Say what can be said of a payload by its first members."""
    begin = _begin(payload)
    unknown = unknown_fields(begin, contract)
    known = sum(name in contract.types for name in begin)
    total = 1 + error.count - known if unknown else 1
    unusable = UnusableReadingError(*capped([*error.reasons, *unknown], total))
    unusable.names = named(begin)
    return unusable


def _begin(payload: bytes) -> dict[str, Any]:
    """The first members of an object that is too large to be read."""
    try:
        raw = from_json(payload[:_BEGIN_BYTES], allow_partial=True)
    except ValueError:
        return {}
    return raw if isinstance(raw, dict) else {}


def inspected_reading(payload: bytes, contract: CompiledContract) -> Fields:
    """Read a payload that can be no table; raises UnusableReadingError."""
    return _reading(parsed(payload), contract)


def _reading(raw: object, contract: CompiledContract) -> Fields:
    if not isinstance(raw, dict):
        raise UnusableReadingError(Reason(field="reading", rule=RULES["dict_type"]))
    known = {name: raw[name] for name in contract.members if name in raw}
    fields, errors = checked(
        contract.validate_fields, {name: stand_in(value) for name, value in known.items()}
    )
    unknown = len(raw) - len(known)
    if errors or unknown:
        broken = [reason_of(each, str(each["loc"][0]), raw.get(each["loc"][0])) for each in errors]
        raise UnusableReadingError(*capped([*broken, *unknown_fields(raw, contract)], len(broken) + unknown))
    if group := contract.lacking(fields):
        raise UnusableReadingError(Reason(field="reading", rule=needed(group)))
    return fields
