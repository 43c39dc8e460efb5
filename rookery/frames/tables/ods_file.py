"""Spreadsheets of the OpenDocument format (.ods), read by calamine: the first sheet's saved values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rookery.frames.errors import BadTableError
from rookery.frames.libraries import library
from rookery.frames.tables.table import Table, of_rows

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> Table:
    """Read the first sheet, blank rows left out; raises BadTableError, OSError, ModuleNotFoundError."""
    calamine = library("python_calamine")
    try:
        with path.open("rb") as file:
            book = calamine.CalamineWorkbook.from_filelike(file)
            titles = list(book.sheet_names)
            rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False) if titles else []
    except (calamine.CalamineError, calamine.PasswordError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise BadTableError(f"{path.name} is no spreadsheet that can be read: {said}") from None
    return of_rows(
        path.name, ([_cell(cell) for cell in row] for row in rows), left_out=max(len(titles) - 1, 0)
    )


def _cell(cell: Any) -> Any:
    return None if cell == "" else cell
