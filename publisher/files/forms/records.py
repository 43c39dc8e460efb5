"""Records: the lines of a text as rows of cells; quotes may hold line breaks, and an open quote costs its own line alone."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MOST_LINES: Final = 100
"""Lines that one quoted cell may have."""

_SPACES: Final = re.compile(r"[ \t]+(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")
_QUOTED: Final = re.compile(r'(?:^|[,;\t| ])"[^"]*\n[^"]*"(?:[,;\t| \n]|$)')
SPACE: Final = " "
END_OF_TEXT: Final = "\x1a"
"""The last sign of a text that DOS wrote."""

_NEW_LINE: Final = "new-line character"


@dataclass(frozen=True, slots=True)
class Record:
    """The text of one row, its first line (from 0), and the line behind it."""

    text: str
    line: int
    next: int


@dataclass(frozen=True, slots=True)
class RowShape:
    """The shape of one row: its delimiter, so many cells; `extra` says that a delimiter stands behind the last cell as well."""

    delimiter: str
    width: int
    extra: bool = False


def records(
    lines: Sequence[str], longest: int, *, quoted: bool, whole: Callable[[str], bool] | None = None
) -> Iterator[Record]:
    """Yield the rows that some lines are, blank ones left out.

    Where a quote opens and does not close, the lines up to the next such line are one row, if `whole` says that they are; else the
    line is a row of its own.
    """
    line = 0
    while line < len(lines):
        text, following = lines[line], line + 1
        if quoted and text.count('"') & 1:
            text, following = _joined(lines, line, longest, whole or _closes)
        if text and not text.isspace() and text != END_OF_TEXT:
            yield Record(text, line, following)
        line = following


def _joined(lines: Sequence[str], first: int, longest: int, whole: Callable[[str], bool]) -> tuple[str, int]:
    length = len(lines[first])
    for last in range(first + 1, min(first + MOST_LINES, len(lines))):
        length += len(lines[last]) + 1
        if length > longest:
            break
        if lines[last].count('"') & 1:
            text = "\n".join(lines[first : last + 1])
            # Two stray quotes are no quoted cell.
            return (text, last + 1) if whole(text) else (lines[first], first + 1)
    return lines[first], first + 1


def _closes(text: str) -> bool:
    """Whether a quote opens where a cell begins, and closes where one ends, whatever the delimiter is."""
    return _QUOTED.search(text.replace('""', "")) is not None


def split(text: str, shape: RowShape) -> list[str] | Reason:
    """The cells of one row, or why it has none."""
    try:
        (cells,) = csv.reader([spaced(text, shape.delimiter)], delimiter=shape.delimiter, strict=True)
    except csv.Error as error:
        said = "a carriage return stands outside quotes" if _NEW_LINE in str(error) else str(error)
        return Reason(field="row", rule=f"CSV is needed: {said}")
    except ValueError:
        return Reason(field="row", rule="CSV is needed: a line break stands outside quotes")
    if len(cells) == shape.width + 1 and (shape.extra or not cells[-1].strip()):
        cells.pop()
    if len(cells) != shape.width:
        return Reason(field="row", rule=f"{shape.width} cells are needed", value=str(len(cells)))
    return cells


def spaced(text: str, delimiter: str) -> str:
    """A row with one space between two cells, where any number of them may stand."""
    return _SPACES.sub(SPACE, text.strip()) if delimiter == SPACE else text
