"""Spreadsheets (.xlsx): the first sheet's values, read and written so that no text becomes a formula or a rounded number."""

from __future__ import annotations

import math
import re
import warnings
import zipfile
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.errors import BadTableError
from rookery.frames.libraries import library
from rookery.frames.tables.table import Table, is_long, of_rows, text
from rookery.schemas.output.permissions import ensure_file, file_mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MAX_BYTES: Final = 2_000_000_000
"""Unpacked bytes of a file that is read: a small archive may hold any number of blanks."""

MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
MAX_TEXT: Final = 32_767
"""Rows and columns of a sheet, and characters of a cell, by the format."""

_FORMULA: Final = "f"
_TEXT: Final = "s"
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def read(path: Path) -> Table:
    """Read the first sheet, blank rows left out; raises BadTableError, OSError, ModuleNotFoundError."""
    openpyxl = library("openpyxl")
    try:
        _check_size(path)
        with warnings.catch_warnings():
            # openpyxl warns of each feature of a sheet that it does not know.
            warnings.simplefilter("ignore")
            return _read(openpyxl, path)
    except (BadTableError, OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  a damaged file makes the library raise anything
        said = " ".join(str(error).split()) or type(error).__name__
        raise BadTableError(f"{path.name} is no spreadsheet that can be read: {said}") from None


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(each.file_size for each in archive.infolist())
    if unpacked > MAX_BYTES:
        raise BadTableError(f"{path.name}: at most {MAX_BYTES} unpacked bytes are read, not {unpacked}")


def _read(openpyxl: Any, path: Path) -> Table:
    book = openpyxl.load_workbook(path, read_only=True)
    try:
        if not book.worksheets:
            raise BadTableError(f"{path.name} has no sheet of cells")
        sheet = book.worksheets[0]
        formulas = [
            cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type == _FORMULA
        ]
        others = len(book.worksheets) - 1
        if not formulas:
            return of_rows(path.name, sheet.iter_rows(values_only=True), left_out=others)
    finally:
        book.close()
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        rows = [list(row) for row in sheet.iter_rows(values_only=True)]
        _check_values(path, rows, formulas)
        return of_rows(path.name, rows, left_out=others)
    finally:
        book.close()


def _check_values(path: Path, rows: Sequence[Sequence[Any]], formulas: Sequence[str]) -> None:
    """Refuse formulas without a saved value: a program wrote them, and no spreadsheet has computed them yet."""
    place = library("openpyxl.utils.cell").coordinate_to_tuple
    for name in formulas:
        row, column = place(name)
        if rows[row - 1][column - 1] is None:
            raise BadTableError(
                f"{path.name}, cell {name}: the formula has no saved value; open the file in a spreadsheet and save it"
            )


def write(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write one sheet; returns how many rows. Raises BadTableError for rows that no sheet can hold, and OSError."""
    openpyxl = library("openpyxl")
    # All rows are checked before the first is written: the library cannot end a sheet early.
    checked = list(_checked(names, rows))
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("results")
    for row in checked:
        sheet.append([_text_cell(sheet, cell) if isinstance(cell, str) else cell for cell in row])
    # Made before the library would make it readable by all.
    ensure_file(path, file_mode())
    book.save(path)
    return len(checked) - 1


def _checked(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
    if len(names) > MAX_COLUMNS:
        raise BadTableError(f"a sheet of .xlsx holds {MAX_COLUMNS} columns, not {len(names)}")
    for count, row in enumerate(chain([names], rows)):
        if count >= MAX_ROWS:
            raise BadTableError(
                f"a sheet of .xlsx holds {MAX_ROWS} rows with its header: use .csv or .parquet"
            )
        # A number that a spreadsheet would round is a text.
        cells = [cell if isinstance(cell, str) or _holds(cell) else text(cell) for cell in row]
        for nth, cell in enumerate(cells):
            if isinstance(cell, str) and len(cell) > MAX_TEXT:
                raise BadTableError(
                    f"row {count}, column {names[nth]!r}: a cell of .xlsx holds {MAX_TEXT} characters, not {len(cell)}"
                )
        yield cells


def _text_cell(sheet: Any, written: str) -> Any:
    made = library("openpyxl.cell").WriteOnlyCell(sheet, value=_ILLEGAL.sub("\ufffd", written))
    # The library takes `=1+1` for a formula and `#N/A` for an error.
    made.data_type = _TEXT
    # A spreadsheet keeps it a text even when the cell is edited.
    made.quotePrefix = written.startswith(("=", "+", "-", "@"))
    return made


def _holds(cell: Any) -> bool:
    """Whether a sheet holds a value exactly as it is."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return False
    if isinstance(cell, datetime | time) and cell.tzinfo is not None:
        return False
    known = cell is None or isinstance(cell, bool | int | float | datetime | date | time | timedelta)
    return known and not is_long(cell)
