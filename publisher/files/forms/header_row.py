"""The row that holds the names of the columns: the one of the first rows whose cells are understood best."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rookery.publisher.files.columns.names import FieldNames

FIRST_ROWS: Final = 60
"""Rows among which the names of the columns are searched for."""

MOST_ROWS: Final = 1_000
"""The same where none of the first names a field."""

_VALUE: Final = re.compile(r"[+-]?[0-9][0-9.,]*")


def merit(cells: Sequence[str], names: FieldNames, mapped: Collection[str]) -> int:
    """How many different fields a row names, columns that the user explains among them."""
    found = {name for each in cells if (name := " ".join(each.split())) in mapped}
    found |= {meant.field for name in cells if (meant := names.meaning(name.strip())) is not None}
    return len(found)


def header_row(rows: Sequence[Sequence[str]], names: FieldNames, mapped: Collection[str]) -> int:
    """The position of the first row that names most fields; where none does, of the first that may hold names."""
    # Far below, a line of some prose may have a name in it by chance.
    for least, most, heads in ((0, FIRST_ROWS, _heads), (FIRST_ROWS, MOST_ROWS, _may_name)):
        merits = [
            merit(cells, names, mapped) if nth == 0 or heads(cells, rows[nth + 1 : nth + 2]) else 0
            for nth, cells in enumerate(rows[least:most], least)
        ]
        if any(merits):
            return least + merits.index(max(merits))
    first = [nth for nth, cells in enumerate(rows[:FIRST_ROWS]) if any(cell.strip() for cell in cells)]
    return next(
        (nth for nth in first if _may_name(rows[nth], rows[nth + 1 : nth + 2])), first[0] if first else 0
    )


def _may_name(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether each of several cells has a text and none a number, above a row with a number."""
    return (
        len(cells) > 1
        and all(cell.strip() and not _VALUE.fullmatch(cell.strip()) for cell in cells)
        and any(_VALUE.fullmatch(cell.strip()) for row in below for cell in row)
    )


def _heads(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the row below has as many cells, or one more where rows have names."""
    return not below or len(below[0]) in {len(cells), len(cells) + 1}


def remarked(line: int, above: int) -> list[str]:
    """Say which line was taken where another could have been."""
    lines = "line above it is" if above == 1 else "lines above it are"
    return [f"line {line} has the names of the columns; the {above} {lines} skipped"] if above else []


def taken(line: int, skip: int | None) -> str:
    """Say which line was taken, and how another one is."""
    other = f"; --skip {line} takes the next one" if skip is None else ""
    return f"line {line} was taken for the header{other}"
