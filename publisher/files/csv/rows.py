"""A CSV file of measurements, row by row: each is a reading, or a bad row with every reason."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_core import to_json

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.csv.cells import CellReader, stated
from rookery.publisher.files.csv.chunks import FilePosition, LineChunk, blocks
from rookery.publisher.files.csv.header import DATE, REJECTED, column_names
from rookery.publisher.files.csv.profile import MAX_LINE, CsvProfile, profile_of
from rookery.publisher.files.repeated_ids import MOST, repeated
from rookery.publisher.files.source import FileSource
from rookery.publisher.files.splitting import NOT_PLAIN, cells_of
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.output.spreadsheet import unguarded
from rookery.schemas.rejection import Reason, reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.reading_classes import AnyReading

BLOCK: Final = 131_072
"""Bytes of a file that are read at a time."""

_IDENTITIES: Final = ("reading_id", REJECTED[0])
"""Columns that give a row its identity, in order of precedence."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One usable row: its line in the file (from 1), its position below the header (from 0), its label."""

    reading: AnyReading
    line: int
    row: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """The known answer to a reading, which the file has and the reading has not."""

    reading_id: str
    label: str


class CsvFile:
    """A file with columns of a contract's features (the default one's where none is given), under any of their names.

    The reading_id of a row is what the file says, else `<digest12>-<row>`, with `id_prefix`
    `<id_prefix>-<digest12>-<row>`: sending the same file again sends the same readings. `mapping` says what a
    column is whose name does not. A row is one line: a quoted line break is not taken.
    """

    def __init__(
        self,
        source: FileSource | Path | str,
        *,
        id_prefix: str = "",
        device_id: str | None = None,
        mapping: Mapping[str, str] | None = None,
        contract: CompiledContract | None = None,
    ) -> None:
        self.contract = contract or default_compiled()
        self.cells = CellReader(self.contract)
        self.names = column_names(self.contract)
        self.source = source if isinstance(source, FileSource) else FileSource.of(Path(source))
        self.device_id = device_id
        self._id_prefix = id_prefix
        self._mapping = mapping

    @cached_property
    def profile(self) -> CsvProfile:
        """Read the file once before its rows; raises BadFileError with every reason, and OSError."""
        return profile_of(self.source, self.names, self._mapping)

    @property
    def places(self) -> Mapping[str, int]:
        """The column of each field."""
        return self.profile.columns.places

    @cached_property
    def repeated(self) -> Mapping[int, int]:
        """The rows that say an earlier row's reading_id, each with that row; raises as `profile` does.

        The file is read for it where it has a column of ids. Raises BadFileError where the column is no identity.
        """
        column = next((name for name in _IDENTITIES if name in self.places), None)
        if column is None:
            return {}
        found = repeated(self._stated)
        if len(found) > MOST:
            (row, first), *_ = found.items()
            name = self.profile.columns.names[self.places[column]]
            rule = (
                f"each row needs its own; lines {self.line(first)} and {self.line(row)} share one, and more than {MOST} "
                f"others do: --map '{name}=' leaves the column out"
            )
            raise BadFileError(self.source.name, Reason(field="reading_id", rule=rule))
        return found

    def _stated(self) -> Iterator[tuple[Sequence[int], Sequence[str]]]:
        """The ids that the rows of each block state; a row that cannot be split states none."""
        places = [self.places[name] for name in _IDENTITIES if name in self.places]
        for whole in self.blocks(self.start):
            block = whole
            try:
                columns = cells_of(block, self.profile)
            except NOT_PLAIN:
                block = whole.filled()
                nothing = [""] * len(self.profile.columns.names)
                lines = block.lines if block.rows else ()
                columns = list(zip(*(self._try_cells(line) or nothing for line in lines), strict=True))
            names = [""] * len(block.rows)
            for place in places if columns else ():
                names = [name or stated(cell) for name, cell in zip(names, columns[place], strict=True)]
            yield block.rows, names

    def line(self, row: int) -> int:
        """The line of a row, from 1, as editors count."""
        return self.profile.header_line + 1 + row

    @property
    def guarded(self) -> bool:
        """Whether this is a file of rejected rows, in which no cell is a formula."""
        return REJECTED[0] in self.places

    @property
    def start(self) -> FilePosition:
        """The place of the first row."""
        return FilePosition(offset=self.profile.start, row=0)

    @cached_property
    def stem(self) -> str:
        """The prefix of the ids of this file's readings; their row follows."""
        return f"{self._id_prefix}-{self.profile.digest12}" if self._id_prefix else self.profile.digest12

    def blocks(self, begin: FilePosition, size: list[int] | None = None) -> Iterator[LineChunk]:
        """Read from a place on; `size[0]` bytes at a time, which may change on the way."""
        found = self.profile
        with self.source.open() as file:
            yield from blocks(file, found, begin, size or [BLOCK])

    def rows(self) -> Iterator[CsvRow | BadRow]:
        """Read row by row; raises as `profile` does."""
        for block in self.blocks(self.start):
            yield from self.by_row(block)

    def labels(self) -> Iterator[Label]:
        """Yield what the column of labels says, of readings that may be sent or not; raises as `profile` does."""
        if self.names.target not in self.places:
            return
        for block in map(LineChunk.filled, self.blocks(self.start)):
            for line, row in zip(block.lines if block.rows else (), block.rows, strict=True):
                cells = self._try_cells(line)
                known = self._label(cells) if cells else None
                if known is not None:
                    yield Label(reading_id=self.identity(row, cells), label=known)

    def by_row(self, block: LineChunk) -> Iterator[CsvRow | BadRow]:
        """Read each line of a block by itself, blank ones left out."""
        filled = block.filled()
        for line, row in zip(filled.lines if filled.rows else (), filled.rows, strict=True):
            number = self.line(row)
            try:
                yield self._row(line, row, number)
            except _UnusableRowError as error:
                name = self.identity(row, self._try_cells(line))
                yield BadRow(line=number, reasons=error.reasons, text=line[:MAX_LINE], reading_id=name)

    def identity(self, row: int, cells: Sequence[str] | None) -> str:
        """The id that the file states for a row, or stated when it was rejected; else its position in this file."""
        for name in _IDENTITIES:
            if cells and name in self.places and (said := stated(cells[self.places[name]])):
                return said
        return f"{self.stem}-{row}"

    def _row(self, line: str, row: int, number: int) -> CsvRow:
        cells = self._cells(line)
        fields: dict[str, Any] = {"device_id": self.device_id}
        fields |= {
            name: self.cells.value(name, cells[place].strip())
            for name, place in self.places.items()
            if name in self.contract.types
        }
        if DATE in self.places and (dated := self.names.dated) is not None:
            fields[dated] = self.cells.value(dated, cells[self.places[DATE]].strip())
        fields["reading_id"] = self.identity(row, cells)
        known = {name: each for name, each in fields.items() if each is not None}
        try:
            # As JSON, where strict means what it says there: a time is a text.
            reading = self.contract.reading.model_validate_json(to_json(known, inf_nan_mode="constants"))
        except ValidationError as error:
            raise _UnusableRowError(*reasons(error), *self._repetition(row)) from None
        if because := self._repetition(row):
            raise _UnusableRowError(*because)
        return CsvRow(reading=reading, line=number, row=row, label=self._label(cells))

    def _repetition(self, row: int) -> tuple[Reason, ...]:
        first = self.repeated.get(row)
        if first is None:
            return ()
        return (
            Reason(
                field="reading_id", rule=f"line {self.line(first)} has it too, and each row needs its own"
            ),
        )

    def _label(self, cells: Sequence[str]) -> str | None:
        place = self.places.get(self.names.target)
        return None if place is None else self.cells.label(cells[place].strip())

    def _cells(self, line: str) -> list[str]:
        """Split one line; taken alone, an open quote cannot swallow the lines below it."""
        if len(line) > MAX_LINE:
            raise _UnusableRowError(Reason(field="row", rule=f"at most {MAX_LINE} characters are needed"))
        try:
            cells = next(csv.reader([line], delimiter=self.profile.delimiter, strict=True))
        except csv.Error as error:
            raise _UnusableRowError(Reason(field="row", rule=f"CSV is needed: {error}")) from None
        needed = len(self.profile.columns.names)
        if len(cells) != needed:
            rule = f"{needed} cells are needed"
            raise _UnusableRowError(Reason(field="row", rule=rule, value=str(len(cells))))
        return list(map(unguarded, cells)) if self.guarded else cells

    def _try_cells(self, line: str) -> list[str] | None:
        try:
            return self._cells(line)
        except _UnusableRowError:
            return None


class _UnusableRowError(Exception):
    """The reasons against one line."""

    def __init__(self, *because: Reason) -> None:
        super().__init__()
        self.reasons = because
