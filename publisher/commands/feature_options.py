"""FeatureOptions: a command that takes each feature of a contract as an option, `--body-mass 3` for `body mass`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import typer

from rookery.publisher.commands.renamed_options import RenamedOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.feature import Feature

GIVEN: Final = "rookery.features"
"""Where the context keeps the features that were given as options, by name."""

_VARIABLE: Final = "ROOKERY_CONTRACT"
_SHOWN: Final = 40
"""Features that a help text lists."""


class FeatureOptions(RenamedOptions):
    """Takes an option for each feature of the contract that `--contract` names: `app.command(cls=FeatureOptions)`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options of features first, and leave the others to the command."""
        contract = explained_contract(_named(args) or os.environ.get(_VARIABLE))
        options = {option_of(each.name): each for each in contract.contract.features}
        self.epilog = _described(contract)
        ctx.meta[GIVEN] = given = dict[str, str]()
        rest: list[str] = []
        waiting = iter(args)
        for argument in waiting:
            name, separator, value = argument.partition("=")
            if name not in options:
                rest.append(argument)
                continue
            stated = value if separator else next(waiting, None)
            if stated is None:
                raise typer.BadParameter(f"{name} needs a value")
            given[options[name].name] = stated
        return super().parse_args(ctx, rest)


def explained_contract(source: str | None) -> CompiledContract:
    """Compile the contract of an option; a wrong one is a usage error."""
    from rookery.publisher.contracts import compiled_of  # noqa: PLC0415  lazy, so that help is quick
    from rookery.schemas.contract.contract import InvalidContractError  # noqa: PLC0415  the same
    from rookery.schemas.contract.source import ContractUnreachableError  # noqa: PLC0415  the same

    try:
        return compiled_of(source)
    except (InvalidContractError, ContractUnreachableError) as error:
        raise typer.BadParameter(str(error), param_hint="--contract") from None


def reading_values(
    contract: CompiledContract, given: Mapping[str, str], assigned: Iterable[str]
) -> dict[str, Any]:
    """Read the values of options by feature, and of `NAME=VALUE` by any name that a file's column could have."""
    from rookery.publisher.files.cells.reader import CellReader  # noqa: PLC0415  lazy, see above
    from rookery.publisher.files.columns.names import field_names  # noqa: PLC0415  the same

    names, cells = field_names(contract), CellReader(contract)
    stated = dict(given)
    for each in assigned:
        name, separator, value = each.rpartition("=") if each.count("=") > 1 else each.partition("=")
        field = names.understood(name.strip())
        if not separator or field not in contract.types:
            fields = ", ".join(contract.members[:_SHOWN])
            raise typer.BadParameter(
                f"{each}: NAME=VALUE is needed, with one of {fields}", param_hint="--set"
            )
        stated[str(field)] = value
    return {name: cells.value(name, value.strip()) for name, value in stated.items()}


def _named(args: Iterable[str]) -> str | None:
    """The contract that the arguments name."""
    waiting = iter(args)
    for argument in waiting:
        name, separator, value = argument.partition("=")
        if name == "--contract":
            return value if separator else next(waiting, None)
    return None


def option_of(name: str) -> str:
    """The option of a feature."""
    words = "".join(each if each.isalnum() else " " for each in name).split()
    return f"--{'-'.join(words).lower()}"


def _described(contract: CompiledContract) -> str:
    """The options of the features, for the end of the help."""
    features = contract.contract.features
    shown = "; ".join(f"{option_of(each.name)} {_values(each)}" for each in features[:_SHOWN])
    more = f"; and {len(features) - _SHOWN} more" if len(features) > _SHOWN else ""
    return f"Features of {contract.contract.name}: {shown}{more}."


def _values(feature: Feature) -> str:
    if feature.categories:
        return "|".join(feature.categories[:8])
    return (
        "true|false"
        if feature.kind == "flag"
        else f"{feature.kind.upper()}{(feature.unit and f' ({feature.unit})') or ''}"
    )
