"""Sheet: the values of one sheet of a spreadsheet (.xlsx, .xlsm, .xlsb, .xls, .ods) as texts, by calamine."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.forms.header_row import FIRST_ROWS, header_row, merit, remarked, taken
from rookery.publisher.files.forms.rows_in_memory import chunks_of
from rookery.publisher.files.options import quoted
from rookery.schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rookery.publisher.files.columns.names import FieldNames
    from rookery.publisher.files.forms.chunk import RowChunk
    from rookery.publisher.files.options import FileOptions
    from rookery.publisher.files.resume.position import FilePosition
    from rookery.publisher.files.source import FileSource

_WHOLE: Final = 10**22
"""Whole numbers below it are written with every digit."""


class Sheet:
    """The sheet whose names are understood best, or the one that the user names; see TableForm."""

    delimiter = ","
    encoding = "utf-8"

    def __init__(self, source: FileSource, names: FieldNames, options: FileOptions) -> None:
        """Read the whole sheet; raises BadFileError, ModuleNotFoundError and OSError."""
        title, rows, remarks = _chosen(source, names, options)
        after = options.skip or 0
        found = header_row(rows, names, options.mapping) if options.skip is None else after
        if found >= len(rows):
            rule = f"a row with the names of the columns is needed in sheet {title}"
            raise BadFileError(source.name, Reason(field="header", rule=rule))
        self.header = _trimmed(rows[found])
        width = len(self.header)
        self._rows = [[*row[:width], *[""] * (width - len(row))] for row in rows[found + 1 :]]
        self.header_line = found + 1
        self.rows = max(len(self._rows), 1)
        above = sum(any(row) for row in rows[after:found])
        self.remarks = (*remarks, *remarked(found + 1, above))
        self.hint = "; ".join([*remarks, taken(found + 1, options.skip)])
        self.sample = self._rows[:1_000]

    def chunks(self, places: Collection[int], begin: FilePosition | None = None) -> Iterator[RowChunk]:
        """Read on from a place; see TableForm."""
        yield from chunks_of(self._rows, places, begin)


def _chosen(
    source: FileSource, names: FieldNames, options: FileOptions
) -> tuple[str, list[list[str]], list[str]]:
    """The title of the sheet that is read, its rows, and what is to be said of the others."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError  # noqa: PLC0415  an extra, and only such a file needs it

    try:
        with source.open() as file:
            book = CalamineWorkbook.from_filelike(file)
            titles = list(book.sheet_names)
            wanted = titles if options.sheet is None else [options.sheet]
            if options.sheet is not None and options.sheet not in titles:
                rule = f"there is no such sheet; there are {', '.join(titles)}"
                raise BadFileError(source.name, Reason(field="--sheet", rule=rule, value=options.sheet))
            sheets = {title: _rows(book, title) for title in wanted}
    except PasswordError:
        rule = "it is locked by a password: save it without one"
        raise BadFileError(source.name, Reason(field="file", rule=rule)) from None
    except CalamineError as error:
        rule = f"it is no spreadsheet that can be read: {' '.join(str(error).split())}"
        raise BadFileError(source.name, Reason(field="file", rule=rule)) from None
    if not any(any(map(any, rows)) for rows in sheets.values()):
        raise BadFileError(source.name, Reason(field="file", rule="no sheet of it holds a cell"))
    title = max(sheets, key=lambda title: _merit(sheets[title], names, options))
    others = [each for each in titles if each != title]
    several = (
        [f"sheet {title} was read; --sheet {quoted(others[0])} reads another"]
        if others and options.sheet is None
        else []
    )
    return title, sheets[title], several


def _merit(rows: Sequence[Sequence[str]], names: FieldNames, options: FileOptions) -> tuple[int, bool]:
    return max((merit(cells, names, options.mapping) for cells in rows[:FIRST_ROWS]), default=0), len(
        rows
    ) > 1


def _rows(book: Any, title: str) -> list[list[str]]:
    """The rows of a sheet from its first row on, so that a row has the number that the program shows."""
    return [
        [_text(cell) for cell in row]
        for row in book.get_sheet_by_name(title).to_python(skip_empty_area=False)
    ]


def _trimmed(cells: Sequence[str]) -> list[str]:
    """The names up to the last one that is not empty."""
    last = max((nth for nth, cell in enumerate(cells) if cell.strip()), default=-1)
    return list(cells[: last + 1])


def _text(cell: Any) -> str:
    """Write a value as CSV would have it: whole numbers without a point, a day without a time."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _WHOLE else repr(cell)
    if isinstance(cell, datetime) and cell.time() == time.min:
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)
