"""The row that holds the names of the columns: the one of the first rows whose cells are understood best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rookery.publisher.files.columns.names import FieldNames

FIRST_ROWS: Final = 60
"""Rows among which the names of the columns are searched for."""


def merit(cells: Sequence[str], names: FieldNames, mapped: Collection[str]) -> int:
    """How many different fields a row names, columns that the user explains among them."""
    found = {name.strip() for name in cells if name.strip() in mapped}
    found |= {meant.field for name in cells if (meant := names.meaning(name.strip())) is not None}
    return len(found)


def header_row(rows: Sequence[Sequence[str]], names: FieldNames, mapped: Collection[str]) -> int:
    """The position of the first row that names most fields; of the first with a cell where none does."""
    first = rows[:FIRST_ROWS]
    merits = [
        merit(cells, names, mapped) if nth == 0 or _heads(cells, rows[nth + 1 : nth + 2]) else 0
        for nth, cells in enumerate(first)
    ]
    if any(merits):
        return merits.index(max(merits))
    return next((nth for nth, cells in enumerate(first) if any(cell.strip() for cell in cells)), 0)


def _heads(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the row below has as many cells, or one more where rows have names."""
    return not below or len(below[0]) in {len(cells), len(cells) + 1}


def remarked(line: int, above: int) -> list[str]:
    """Say which line was taken where another could have been."""
    lines = "line above it is" if above == 1 else "lines above it are"
    return [f"line {line} has the names of the columns; the {above} {lines} skipped"] if above else []
