"""CSV cells: written so that no spreadsheet takes a text for a formula, and read back as they were.

A cell of text that begins with `=`, `+`, `-`, `@`, one of their full-width forms, a tab or a line break (white space
and apostrophes before it not counted) is written with an apostrophe before it, `'=1+1`; a number such as `-1.5` is
written as it is. To read such a file by other means, take one apostrophe away from every cell that has one or more
before such a character. `rookery publish file` does so with a `FILE.rejected.csv`. Parquet and JSON hold every text
as it is.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIGNS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_NUMBER: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_FORMULA: Final = re.compile(rf"'*(?:\s*[{_SIGNS}]|[\t\r\n\v\f])")
_ENDS: Final = "\r\n"
_IS_NUMBER: Final = re.compile(_NUMBER)


def guarded(cell: str) -> str:
    """Write a cell of text so that it stays one."""
    return f"'{cell}" if _FORMULA.match(cell) and not _IS_NUMBER.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """Read what `guarded` wrote."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def row(cells: Iterable[object], delimiter: str = ",") -> str:
    """Write a row of CSV without its end: texts guarded, and quoted where they hold a delimiter, a quote or any line break."""
    text = io.StringIO()
    # A writer quotes only such line breaks as its own lines end with.
    writer = csv.writer(text, delimiter=delimiter, lineterminator=_ENDS)
    writer.writerow([guarded(each) if isinstance(each, str) else each for each in cells])
    return text.getvalue().removesuffix(_ENDS)


def guarded_line(line: str, delimiter: str) -> str:
    """Write a line that is no CSV, whatever a spreadsheet takes for the beginnings of its cells."""
    ends = rf'[{re.escape(delimiter)}"\r\n]'
    begins = rf"(?:^|(?<={ends}))"
    number = rf"(?!{_NUMBER}(?:{ends}|$))"
    return re.sub(rf"{begins}{number}(?='*\s*[{_SIGNS}])", "'", line)
