"""The row that holds the names of the columns: the one of the first rows whose cells are understood best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rookery.publisher.files.columns.names import FieldNames

LOOKED_AT: Final = 60
"""Rows among which the names are looked for."""


def merit(cells: Sequence[str], names: FieldNames, mapped: Collection[str]) -> int:
    """How many different fields a row names, columns that the user explains among them."""
    found = {name.strip() for name in cells if name.strip() in mapped}
    found |= {meant.field for name in cells if (meant := names.meaning(name.strip())) is not None}
    return len(found)


def header_row(rows: Sequence[Sequence[str]], names: FieldNames, mapped: Collection[str]) -> int:
    """The position of the first row that names most fields; of the first with a cell where none does."""
    looked_at = rows[:LOOKED_AT]
    merits = [merit(cells, names, mapped) for cells in looked_at]
    if any(merits):
        return merits.index(max(merits))
    return next((nth for nth, cells in enumerate(looked_at) if any(cell.strip() for cell in cells)), 0)


def remarked(line: int, above: int) -> list[str]:
    """Say which line was taken where another could have been."""
    lines = "line above it is" if above == 1 else "lines above it are"
    return [f"line {line} has the names of the columns; the {above} {lines} skipped"] if above else []
