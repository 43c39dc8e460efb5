"""The output of `rookery contract show`, and of each command that has just inferred a contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from rookery.schemas.output.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Feature

MOST_FEATURES: Final = 40
MOST_WORDS: Final = 12
"""Features and words that are shown; the JSON has them all."""


def show_contract(contract: Contract, notes: Sequence[str] = ()) -> None:
    """Print a contract as a table, and what else is to be known of it."""
    Console(highlight=False, soft_wrap=True).print(render(contract, notes))


def render(contract: Contract, notes: Sequence[str] = ()) -> Group:
    """A contract as something that rich can print."""
    table = Table(box=None, pad_edge=False)
    for column in ("feature", "kind", "values", "unit", "needed"):
        table.add_column(column)
    for feature in contract.features[:MOST_FEATURES]:
        cells = (
            feature.name,
            feature.kind,
            _values(feature),
            feature.unit or "",
            "yes" if feature.required else "",
        )
        table.add_row(*map(_text, cells))
    more = len(contract.features) - MOST_FEATURES
    lines = [f"and {more} more features"] if more > 0 else []
    lines.append(f"{contract.target}: {_listed(contract.labels)}")
    if contract.threshold is not None:
        lines.append(f"{contract.labels[1]} is the answer from a probability of {contract.threshold:g}")
    return Group(table, *map(_text, [*lines, *notes]))


def as_json(contract: Contract) -> str:
    """The contract as the JSON of a file that a person edits: what is not said is left out, one feature a line."""
    written: dict[str, Any] = contract.model_dump(mode="json", exclude_defaults=True)
    features = ",\n".join(f"    {json.dumps(each, ensure_ascii=False)}" for each in written.pop("features"))
    head = json.dumps(written, indent=2, ensure_ascii=False).removesuffix("\n}")
    return f'{head},\n  "features": [\n{features}\n  ]\n}}\n'


def _values(feature: Feature) -> str:
    if feature.categories:
        return _listed(feature.categories)
    if feature.kind == "flag":
        return "true, false"
    if feature.least is None and feature.most is None:
        return "any"
    least, most = ("any" if each is None else f"{each:g}" for each in (feature.least, feature.most))
    return f"{least} to {most}"


def _listed(words: Sequence[str]) -> str:
    more = len(words) - MOST_WORDS
    return ", ".join(words[:MOST_WORDS]) + (f" and {more} more" if more > 0 else "")


def _text(cell: str) -> Text:
    return Text(printable(cell))
