"""ArrowReader: a table that comes as an Arrow IPC stream, by the rules of the contract, and with the reasons that JSON gets."""

from __future__ import annotations

from functools import lru_cache
from struct import error as StructError  # noqa: N812  it is a class
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from rookery.schemas.codec import MAX_ROWS
from rookery.schemas.contract.feature import IDENTITY
from rookery.schemas.contract.reading_classes import NO_COLUMN
from rookery.schemas.parsing.table_inspection import inspected_table
from rookery.schemas.parsing.values import MAX_VALUES
from rookery.schemas.rejection import RULES, Reason, UnusableReadingError, capped, shortened
from rookery.worker.decoding.arrow.batch import MOST_TEXT_BYTES, BatchReader, batch_rows
from rookery.worker.decoding.arrow.columns import ArrowColumn, identities, times
from rookery.worker.decoding.arrow.flatbuffer import DamagedStreamError
from rookery.worker.decoding.arrow.messages import BYTE, LONG, Kind, messages
from rookery.worker.decoding.arrow.schema import read_schema
from rookery.worker.decoding.column_reader import IrregularTableError
from rookery.worker.decoding.column_rules import ColumnRules, matrix_of
from rookery.worker.decoding.table import DecodedColumns
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.parsing.decoded import DecodedTable
    from rookery.worker.decoding.arrow.cells import Cells
    from rookery.worker.decoding.arrow.messages import StreamMessage
    from rookery.worker.decoding.arrow.schema import StreamColumn, StreamSchema

INLINE_ROWS: Final = 2_048
"""Rows that are read on the event loop; a stream of few bytes may promise many."""

_FILE: Final = b"ARROW1"
"""How an Arrow file begins, that of Feather too."""


class ArrowStream(NamedTuple):
    """The columns of a stream, and of each batch its rows and the cells of every column."""

    columns: tuple[StreamColumn, ...]
    batches: list[tuple[int, list[Cells]]]

    @property
    def rows(self) -> int:
        """The rows of all batches."""
        return sum(rows for rows, _ in self.batches)


class ArrowReader:
    """Reads the streams of a contract; immutable."""

    def __init__(self, contract: CompiledContract) -> None:
        """Prepare each column, and the rules that are of all columns together."""
        self._contract = contract
        self._columns = [
            ArrowColumn(feature, contract.codes.get(place))
            for place, feature in enumerate(contract.contract.features)
        ]
        self._places = {name: place for place, name in enumerate(contract.members)}
        self._whole = {feature.name for feature in contract.contract.features if feature.kind == "integer"}
        self._rules = ColumnRules(contract)

    def read(self, payload: bytes, *, inline: bool) -> DecodedColumns | DecodedTable | None:
        """Read a stream; raises UnusableReadingError with every reason where nothing in it can be classified.

        With `inline` None where that takes long: it has many rows, or something in it is wrong.
        """
        try:
            stream = _stream(payload)
            if inline and stream.rows > INLINE_ROWS:
                return None
            plain = self._plain(stream)
            if plain is not None or inline:
                return plain
            return self._inspected(stream)
        except (DamagedStreamError, StructError, IndexError, OverflowError) as error:
            rule = f"a whole Arrow stream is needed: {error}"
            raise _nameless(Reason(field="reading", rule=shortened(rule))) from None

    def _plain(self, stream: ArrowStream) -> DecodedColumns | None:
        """Read a stream in which nothing is wrong; None where there is something, or may be."""
        places = [self._places.get(column.name) for column in stream.columns]
        rows = stream.rows
        if None in places or len({*places}) < len(places) or not rows or not places:
            return None
        width = len(self._columns)
        exact = np.full((width, rows), np.nan)
        others: dict[str, list[Any] | None] = dict.fromkeys(IDENTITY)
        try:
            first = 0
            for count, cells in stream.batches:
                for place, column in zip(places, cells, strict=True):
                    if place is not None and place < width:
                        self._columns[place].fill(column, exact[place, first : first + count])
                    elif place is not None:
                        name = IDENTITY[place - width]
                        read = times if name == "observed_at" else identities
                        others[name] = [*(others[name] or ()), *read(column)]
                    if rows > INLINE_ROWS:
                        step_aside()
                first += count
            self._rules.check(exact)
        except (IrregularTableError, ValueError):
            return None
        present = frozenset(place for place in places if place is not None and place < width)
        return DecodedColumns(
            contract=self._contract, exact=exact, matrix=matrix_of(exact), present=present, **others
        )

    def _inspected(self, stream: ArrowStream) -> DecodedTable:
        """Hand the cells to the codec as it would have read them from JSON; raises UnusableReadingError."""
        names = [column.name for column in stream.columns]
        if not names:
            raise _nameless(Reason(field="reading", rule=NO_COLUMN))
        if twice := [name for nth, name in enumerate(names) if name in names[:nth]]:
            rule = "a column of this name is needed once"
            raise _nameless(
                *capped([Reason(field=shortened(name) or "reading", rule=rule) for name in twice])
            )
        if stream.rows * len(names) > MAX_VALUES:
            raise _nameless(Reason(field="reading", rule=f"at most {MAX_VALUES} values are possible"))
        if sum(cells.text_bytes for _, batch in stream.batches for cells in batch) > MOST_TEXT_BYTES:
            rule = f"at most {MOST_TEXT_BYTES} bytes of text are possible"
            raise _nameless(Reason(field="reading", rule=rule))
        raw: dict[str, list[Any]] = {}
        for nth, name in enumerate(names):
            values = [value for _, batch in stream.batches for value in batch[nth].values()]
            raw[name] = [*map(_whole, values)] if name in self._whole else values
            step_aside()
        try:
            return inspected_table(raw, self._contract, step_aside)
        except UnusableReadingError as unusable:
            unusable.names = None, None
            raise


def _whole(value: Any) -> Any:
    """A float that is whole as the integer that it is: pandas has no other way to write integers of which some are missing."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _stream(payload: bytes) -> ArrowStream:
    """Read a stream; raises DamagedStreamError, UnusableReadingError where it is one of what is not read here."""
    if payload.startswith(_FILE):
        raise DamagedStreamError("this is an Arrow file; pyarrow.ipc.new_stream writes a stream")
    found = messages(payload)
    first = next(found, None)
    if first is None or first.kind != Kind.SCHEMA:
        raise DamagedStreamError("no schema stands at its beginning")
    schema = read_schema(first.content)
    _hold_types(schema)
    dictionaries: dict[int, Cells] = {}
    batches: list[tuple[int, list[Cells]]] = []
    rows = 0
    for message in found:
        if message.kind == Kind.DICTIONARY:
            _replace(dictionaries, message, schema)
        elif message.kind == Kind.BATCH:
            count = batch_rows(message.header)
            rows += count
            if rows > MAX_ROWS:
                rule = RULES["too_long"].format(max_length=MAX_ROWS)
                raise _nameless(Reason(field="reading", rule=rule))
            cells = BatchReader(message.header, message.body).columns(schema.columns, dictionaries)
            if count:
                batches.append((count, cells))
        else:
            raise DamagedStreamError("a message is neither a batch nor a dictionary")
    return ArrowStream(schema.columns, batches)


def _replace(dictionaries: dict[int, Cells], message: StreamMessage, schema: StreamSchema) -> None:
    """Read the words of a dictionary, which may change between batches."""
    number, header = message.header.number(0, LONG), message.header.table(1)
    cell = schema.dictionaries.get(number)
    if cell is None or header is None or cell.name == "null":
        raise DamagedStreamError("a dictionary belongs to no column")
    if message.header.number(2, BYTE):
        raise DamagedStreamError("dictionaries without deltas are needed")
    reader = BatchReader(header, message.body)
    dictionaries[number] = reader.words(cell)


def _hold_types(schema: StreamSchema) -> None:
    """Raise UnusableReadingError where a column's cells are neither numbers, texts, flags nor times."""
    wrong = [column for column in schema.columns if not column.cell.readable]
    if wrong:
        rule = "a column of numbers, texts, booleans or times is needed, and this one is of Arrow's type {}"
        reasons = [
            Reason(field=shortened(column.name) or "reading", rule=rule.format(column.cell.name))
            for column in wrong
        ]
        raise _nameless(*capped(reasons))


def _nameless(*reasons: Reason) -> UnusableReadingError:
    """The error of a stream that is refused as a whole; nothing has to look for its ids."""
    error = UnusableReadingError(*reasons)
    error.names = None, None
    return error


@lru_cache(maxsize=8)
def arrow_reader(contract: CompiledContract) -> ArrowReader:
    """The reader of a contract's streams, made once."""
    return ArrowReader(contract)
