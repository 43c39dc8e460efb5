"""A CSV file of measurements as readings or tables: streamed, strict, every bad row explained."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from pydantic import ValidationError

from publisher.bad_row import BadRow
from publisher.errors import BadFileError
from publisher.lines import Line, lines
from publisher.message import MAX_PAYLOAD
from schemas.features import CATEGORIES, FEATURES
from schemas.reading import MEASUREMENTS, Reading
from schemas.rejection import Reason, reasons, shown
from schemas.table import MAX_ROWS, ReadingTable

if TYPE_CHECKING:
    from collections.abc import Iterator

LABEL: Final = "species"
"""The column that a reading does not carry; it is kept aside, for whoever knows the answer."""

MISSING: Final = frozenset({"", "NA"})
ROWS_PER_TABLE: Final = 1_000
MAX_LINE: Final = 65_536
"""Characters of one row; eight cells need about fifty."""

# Only what a CSV writer writes: float() would also take "1_000", "nan", "infinity" and other scripts' digits.
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_CELL_OVERHEAD: Final = 8


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One usable row: its line in the file (from 1), its position among the rows (from 0), its label."""

    reading: Reading
    line: int
    row: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class CsvTable:
    """Usable rows as one table, and the rows that it was made of, in the same order."""

    table: ReadingTable
    rows: tuple[CsvRow, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """A file at a glance: its columns, the first 12 digits of its SHA-256, and how many line ends it has."""

    header: tuple[str, ...]
    digest12: str
    lines: int


class CsvFile:
    """A file with the columns of the palmerpenguins data, in any order; UTF-8, a byte order mark is fine.

    The reading_id of a row is `<digest12>-<row>`, with `id_prefix` `<id_prefix>-<digest12>-<row>`: sending the
    same file again sends the same readings. A row is one line: a quoted line break is not taken.
    """

    def __init__(self, path: Path | str, *, id_prefix: str = "", device_id: str | None = None) -> None:
        self._path = Path(path)
        self._id_prefix = id_prefix
        self._device_id = device_id

    @cached_property
    def survey(self) -> Survey:
        """Read the file once before its rows; raises BadFileError with every reason, and OSError."""
        with self._open() as file:
            header = _header(self._path.name, next(lines(file, MAX_LINE), None))
        digest, ends = hashlib.sha256(), 0
        with self._path.open("rb") as raw:
            while piece := raw.read(1 << 20):
                digest.update(piece)
                ends += piece.count(b"\n")
        return Survey(header=header, digest12=digest.hexdigest()[:12], lines=ends)

    def rows(self) -> Iterator[CsvRow | BadRow]:
        """Read row by row; raises as `survey` does."""
        stem = f"{self._id_prefix}-{self.survey.digest12}" if self._id_prefix else self.survey.digest12
        with self._open() as file:
            read = lines(file, MAX_LINE)
            next(read, None)
            for row, line in enumerate(read):
                try:
                    yield self._row(line, row=row, reading_id=f"{stem}-{row}")
                except _UnusableRowError as error:
                    yield BadRow(line=line.number, reasons=error.reasons, text=_printable(line.text))

    def tables(self, rows_per_table: int = ROWS_PER_TABLE) -> Iterator[CsvTable | BadRow]:
        """Read table by table, none above `rows_per_table` rows or MAX_PAYLOAD bytes; raises as `rows` does."""
        if not 1 <= rows_per_table <= MAX_ROWS:
            raise ValueError(f"1 to {MAX_ROWS} rows per table are possible, not {rows_per_table}")
        gathered: list[CsvRow] = []
        size = 0
        for each in self.rows():
            if isinstance(each, BadRow):
                yield each
                continue
            grown = _most_bytes(each.reading)
            if gathered and (len(gathered) == rows_per_table or size + grown > MAX_PAYLOAD):
                yield _table(gathered)
                gathered, size = [], 0
            gathered.append(each)
            size += grown
        if gathered:
            yield _table(gathered)

    def _open(self) -> TextIO:
        # A byte that is no UTF-8 costs its row alone.
        return self._path.open(encoding="utf-8-sig", errors="surrogateescape")

    def _row(self, line: Line, *, row: int, reading_id: str) -> CsvRow:
        header, cells = self.survey.header, _cells(line)
        if len(cells) != len(header):
            raise _UnusableRowError(
                Reason(field="row", rule=f"{len(header)} cells are needed", value=str(len(cells)))
            )
        fields: dict[str, Any] = {
            name: _value(name, cell) for name, cell in zip(header, map(str.strip, cells), strict=True)
        }
        label = fields.pop(LABEL, None)
        fields |= {"reading_id": reading_id, "device_id": self._device_id}
        known = {name: value for name, value in fields.items() if value is not None}
        try:
            reading = Reading.model_validate(known)
        except ValidationError as error:
            raise _UnusableRowError(*_printed(reasons(error))) from None
        return CsvRow(reading=reading, line=line.number, row=row, label=label)


class _UnusableRowError(Exception):
    """What is wrong with one line."""

    def __init__(self, *because: Reason) -> None:
        super().__init__()
        self.reasons = because


def _cells(line: Line) -> list[str]:
    """Split one line; taken alone, an open quote cannot swallow the lines below it."""
    if not line.whole:
        raise _UnusableRowError(Reason(field="row", rule=f"at most {MAX_LINE} characters are needed"))
    try:
        return next(csv.reader([line.text], strict=True))
    except csv.Error as error:
        raise _UnusableRowError(Reason(field="row", rule=f"CSV is needed: {error}")) from None


def _header(name: str, line: Line | None) -> tuple[str, ...]:
    if line is None:
        needed = Reason(field="header", rule="a line with the names of the columns is needed")
        raise BadFileError(name, needed)
    try:
        header = tuple(cell.strip() for cell in _cells(line))
    except _UnusableRowError as error:
        raise BadFileError(name, *error.reasons) from None
    broken = tuple(_header_reasons(header))
    if broken:
        raise BadFileError(name, *broken)
    return header


def _header_reasons(header: tuple[str, ...]) -> Iterator[Reason]:
    known = (*FEATURES, LABEL)
    for name in dict.fromkeys(header):
        if name not in known:
            yield Reason(
                field="header",
                rule=f"unknown column; known are {', '.join(known)}",
                value=shown(_printable(name)),
            )
        if header.count(name) > 1:
            yield Reason(field="header", rule="each column only once", value=shown(_printable(name)))
    if not set(header) & set(MEASUREMENTS):
        yield Reason(field="header", rule=f"at least one column of {', '.join(MEASUREMENTS)} is needed")


def _value(name: str, cell: str) -> float | str | None:
    """Read one cell; what is no number stays text, so that the schema refuses it in its own words."""
    if cell in MISSING:
        return None
    if name in CATEGORIES or name == LABEL or not _NUMBER.fullmatch(cell):
        return cell
    number = float(cell)
    # A whole number may come as 2007.0: so a table with gaps writes its years.
    return int(number) if name == "year" and number.is_integer() else number


def _table(rows: list[CsvRow]) -> CsvTable:
    """Turn rows into columns; a column without any value is left out."""
    columns: dict[str, list[Any]] = {}
    for name in Reading.model_fields:
        column = [getattr(each.reading, name) for each in rows]
        if any(value is not None for value in column):
            columns[name] = column
    return CsvTable(table=ReadingTable(**columns), rows=tuple(rows))


def _most_bytes(reading: Reading) -> int:
    """Bytes that a reading can take in a table's JSON: a number is written in at most 25, null in 4."""
    words = (reading.reading_id, reading.device_id)
    # JSON may escape a character of a name; control characters, which take six bytes, cannot be in one.
    return 7 * (25 + _CELL_OVERHEAD) + sum(2 * len(word.encode()) + _CELL_OVERHEAD for word in words if word)


def _printable(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _printed(because: tuple[Reason, ...]) -> Iterator[Reason]:
    for each in because:
        yield each.model_copy(update={"value": each.value and _printable(each.value)})
