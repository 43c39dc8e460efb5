"""Table: named columns of cells, as a file had them, and the rule that makes a number of a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.errors import BadTableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?")
_DIGITS: Final = 15
"""Digits of a number that every spreadsheet keeps; a longer one, as many ids are, stays text."""

_IDS: Final = 10**22
"""No id is as large a number: whole floats beyond it are measured values."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length, each with its name (names may repeat, or be empty); a cell of None is empty.

    `arrow` is the Arrow table of a Parquet file, which another Parquet file repeats as it is. `delimiter` and `mark`
    (whether it begins with a byte order mark) are a CSV file's, whose cells are all texts (`untyped`). `left_out`
    counts sheets that were not read.
    """

    names: list[str]
    columns: list[list[Any]]
    arrow: Any = None
    delimiter: str = ","
    mark: bool = False
    untyped: bool = False
    left_out: int = 0

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.columns[0]) if self.columns else 0


def of_rows(name: str, found: Iterable[Sequence[Any]], *, left_out: int = 0) -> Table:
    """The table of a sheet's rows, the first that is not blank its header; raises BadTableError where each is blank."""
    rows = [cells for row in found if (cells := _trimmed(row))]
    if not rows:
        raise BadTableError(f"{name}: a row with the names of the columns is needed")
    width = max(map(len, rows))
    header, *filled = ([*row, *[None] * (width - len(row))] for row in rows)
    columns = [list(column) for column in zip(*filled, strict=True)] if filled else [[] for _ in header]
    return Table([text(each) for each in header], columns, left_out=left_out)


def _trimmed(row: Sequence[Any]) -> list[Any]:
    cells = [_day(cell) for cell in row]
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _day(cell: Any) -> Any:
    """A day, which spreadsheets have as its first moment."""
    return cell.date() if isinstance(cell, datetime) and cell.time() == time.min else cell


def typed(cell: str) -> float | str | None:
    """Read the text of a cell: None where it is empty, a number where it plainly is one of at most 15 digits.

    Anything else stays as it is: `007`, `39,1`, an id of 16 digits.
    """
    if not cell:
        return None
    if len(cell) > _DIGITS + 2 or (found := _NUMBER.fullmatch(cell)) is None:
        return cell
    if sum(each.isdigit() for each in cell) > _DIGITS or cell == "-0":
        return cell
    return float(cell) if found[1] else int(cell)


def text(cell: Any) -> str:
    """Write a cell as text: whole numbers with every digit, a day without a time."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _IDS:
        return str(int(cell))
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)


def is_long(cell: Any) -> bool:
    """Whether a spreadsheet would round a number: it keeps fifteen digits."""
    whole = isinstance(cell, int) and not isinstance(cell, bool)
    return (whole or (isinstance(cell, float) and cell.is_integer())) and 10**_DIGITS <= abs(cell) < _IDS
