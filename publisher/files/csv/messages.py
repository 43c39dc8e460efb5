"""A CSV file as messages: single readings, or tables at speed.

Tables are read column by column, a block of lines at a time. A block that holds anything odd is halved until
what is odd stands alone, and that is read row by row: so one bad row costs its neighbours nothing but time.
Rows without any measurement, which real files do have, are found at once and read alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.csv.cells import NULL, UnfitError
from rookery.publisher.files.csv.header import DATE, REJECTED
from rookery.publisher.files.csv.rows import BLOCK, CsvFile
from rookery.publisher.files.encoded_message import EncodedMessage
from rookery.publisher.files.splitting import NOT_PLAIN, cells_of
from rookery.publisher.message import MAX_PAYLOAD
from rookery.schemas.codec import encode
from rookery.schemas.contract.reading_classes import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rookery.publisher.files.csv.chunks import FilePosition, LineChunk
    from rookery.schemas.contract.reading_classes import AnyReading

TABLE_BYTES: Final = 20_000
"""About how much a table is, some 300 rows. Larger ones save next to nothing, and a push window of a few dozen of them
fills a worker's queue: each refusal then slows the whole subscription down."""

TABLE_ROWS: Final = 350
"""Rows of a table at most: a window of 256 pushes stays within the 100,000 readings that a worker takes in."""

LEAST_BYTES: Final = 1_000
_BY_ROW: Final = 8
"""Half of a block that does not fit and has fewer lines is read row by row."""


class CsvMessages:
    """Reads a file from a place on; every method raises as `CsvFile.profile` does."""

    def __init__(self, file: CsvFile) -> None:
        self._file = file
        self._contract = file.contract
        self._reader = file.cells

    def singles(self, begin: FilePosition | None = None) -> Iterator[EncodedMessage | BadRow]:
        """One reading a message; the position follows each block, as a message of no rows."""
        for block in self._file.blocks(begin or self._file.start):
            for each in self._file.by_row(block):
                if isinstance(each, BadRow):
                    yield each
                    continue
                first = str(each.reading.reading_id)
                yield EncodedMessage(payload=encode(each.reading), rows=1, first=first)
            yield EncodedMessage(end=block.end)

    def tables(
        self,
        begin: FilePosition | None = None,
        *,
        table_bytes: int = TABLE_BYTES,
        most_rows: int = TABLE_ROWS,
    ) -> Iterator[EncodedMessage | BadRow]:
        """Tables of about so many bytes; the bad rows of a table come before it.

        Raises ValueError for bounds that no table can keep.
        """
        if not 1 <= most_rows <= MAX_ROWS or not LEAST_BYTES <= table_bytes <= MAX_PAYLOAD:
            raise ValueError(
                f"1 to {MAX_ROWS} rows and {LEAST_BYTES} to {MAX_PAYLOAD} bytes a table are possible"
            )
        size = [min(BLOCK, table_bytes)]
        for block in self._file.blocks(begin or self._file.start, size):
            pieces, bad = list[_Piece](), list[BadRow]()
            for each in self._bounded(block, most_rows):
                if isinstance(each, BadRow):
                    bad.append(each)
                else:
                    pieces.append(each)
            yield from sorted(bad, key=attrgetter("line"))
            yield from _joined(pieces, table_bytes=table_bytes, most_rows=most_rows)
            yield EncodedMessage(end=block.end)
            # The next block is to give one table: how much that is follows from what this one came to.
            made = sum(each.size for each in pieces)
            if made:
                size[0] = max(LEAST_BYTES, min(4 * BLOCK, 2 * size[0], size[0] * table_bytes // made))

    def _bounded(self, block: LineChunk, most_rows: int) -> Iterator[_Piece | BadRow]:
        if len(block.rows) <= most_rows:
            yield from self._pieces(block)
            return
        for start in range(0, len(block.rows), most_rows):
            yield from self._pieces(block.part(slice(start, start + most_rows)))

    def _pieces(self, block: LineChunk) -> Iterator[_Piece | BadRow]:
        try:
            piece = self._piece(block)
        except _UnmeasuredError as rows:
            yield from self._without(block, rows.positions)
        except NOT_PLAIN:
            yield from self._smaller(block)
        else:
            yield piece

    def _without(self, block: LineChunk, unmeasured: Sequence[int]) -> Iterator[_Piece | BadRow]:
        """Read these rows one by one, and the others together."""
        for each in self._file.by_row(block.picked(unmeasured)):
            yield each if isinstance(each, BadRow) else self._piece_of(each.reading)
        measured = sorted(set(range(len(block.rows))).difference(unmeasured))
        if measured:
            yield from self._pieces(block.picked(measured))

    def _smaller(self, block: LineChunk) -> Iterator[_Piece | BadRow]:
        filled = block.filled()
        half = len(filled.rows) // 2
        if filled is not block and filled.rows:
            yield from self._pieces(filled)
        elif half >= _BY_ROW:
            yield from self._pieces(filled.part(slice(half)))
            yield from self._pieces(filled.part(slice(half, None)))
        else:
            for each in self._file.by_row(filled):
                yield each if isinstance(each, BadRow) else self._piece_of(each.reading)

    def _piece(self, block: LineChunk) -> _Piece:
        """Read a block column by column; raises one of several errors where anything is odd."""
        if not self._file.repeated.keys().isdisjoint(block.rows):
            raise UnfitError
        cells = cells_of(block, self._file.profile)
        taken = self._taken()
        read: dict[str, str] = {}
        for group in self._contract.groups:
            read |= {
                name: self._reader.json(name, cells[taken[name]])
                for name in group
                if name in taken and name not in read
            }
            _check_measured([read[name] for name in group if name in read])
        read = {
            name: read.get(name) or self._reader.json(name, cells[place]) for name, place in taken.items()
        }
        names = self._names(block, cells)
        read["reading_id"] = to_json(names).decode()[1:-1]
        if self._adds_device:
            read["device_id"] = ",".join([to_json(self._file.device_id).decode()] * len(names))
        piece = _Piece(columns=read, rows=len(names), first=names[0])
        if piece.size > MAX_PAYLOAD // 2:
            raise UnfitError
        self._contract.table.model_validate_json(piece.payload())
        return piece

    def _taken(self) -> dict[str, int]:
        """The column of each field that is taken as it is."""
        places = self._file.places
        taken = {
            name: places[name] for name in self._contract.members if name in places and name != "reading_id"
        }
        dated = self._file.names.dated
        return taken if dated is None or DATE not in places else taken | {dated: places[DATE]}

    @property
    def _adds_device(self) -> bool:
        return self._file.device_id is not None and "device_id" not in self._file.places

    def _names(self, block: LineChunk, cells: Sequence[Sequence[str]]) -> list[str]:
        if "reading_id" in self._file.places or REJECTED[0] in self._file.places:
            rows = zip(block.rows, zip(*cells, strict=True), strict=True)
            return [self._file.identity(row, line) for row, line in rows]
        stem = self._file.stem
        return [f"{stem}-{row}" for row in block.rows]

    def _piece_of(self, reading: AnyReading) -> _Piece:
        fields = reading.fields
        names = [*self._taken(), "reading_id", *(("device_id",) if self._adds_device else ())]
        columns = {name: to_json(fields[name]).decode() for name in names}
        return _Piece(columns=columns, rows=1, first=str(reading.reading_id))


@dataclass(frozen=True, slots=True)
class _Piece:
    """Columns of JSON, values with commas between, of so many usable rows."""

    columns: dict[str, str]
    rows: int
    first: str

    @property
    def size(self) -> int:
        return sum(map(len, self.columns.values()))

    def payload(self) -> bytes:
        """The JSON of a table; a column of nothing but null is left out."""
        columns = (
            f"{to_json(name).decode()}:[{text}]" for name, text in self.columns.items() if text.strip("nul,")
        )
        return ("{" + ",".join(columns) + "}").encode()


class _UnmeasuredError(Exception):
    """Rows of a block, by their positions in it, have none of the measurements."""

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__()
        self.positions = positions


def _check_measured(columns: Sequence[str]) -> None:
    """Raise _UnmeasuredError where rows have none of the measurements."""
    if not columns or not all(NULL in text for text in columns):
        return
    first, *others = [text.split(",") for text in columns]
    empty = [position for position, cell in enumerate(first) if cell == NULL]
    for column in others:
        empty = [position for position in empty if column[position] == NULL]
    if empty:
        raise _UnmeasuredError(empty)


def _joined(pieces: list[_Piece], *, table_bytes: int, most_rows: int) -> Iterator[EncodedMessage]:
    """Put pieces together, as many as a table may hold."""
    waiting, rows, size = list[_Piece](), 0, 0
    most_bytes = min(2 * table_bytes, MAX_PAYLOAD // 2)
    for each in pieces:
        if waiting and (rows + each.rows > most_rows or size + each.size > most_bytes):
            yield _encoded(waiting)
            waiting, rows, size = [], 0, 0
        waiting.append(each)
        rows, size = rows + each.rows, size + each.size
    if waiting:
        yield _encoded(waiting)


def _encoded(pieces: list[_Piece]) -> EncodedMessage:
    columns = {name: ",".join([each.columns[name] for each in pieces]) for name in pieces[0].columns}
    whole = _Piece(columns=columns, rows=sum(each.rows for each in pieces), first=pieces[0].first)
    return EncodedMessage(payload=whole.payload(), rows=whole.rows, first=whole.first)
