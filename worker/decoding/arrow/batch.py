"""Batch: the columns of a record batch or the words of a dictionary, every buffer held against the message's body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.worker.decoding.arrow.cells import Coded, Flags, Moments, Nothing, Numbers, Texts
from rookery.worker.decoding.arrow.flatbuffer import DamagedStreamError
from rookery.worker.decoding.arrow.messages import LONG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rookery.worker.decoding.arrow.cells import Cells, Valid
    from rookery.worker.decoding.arrow.flatbuffer import FlatTable
    from rookery.worker.decoding.arrow.schema import CellType, StreamColumn

MOST_TEXT_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a table's texts, each as often as it is there: a view or a dictionary's word may be in each row."""


def batch_rows(header: FlatTable) -> int:
    """The rows that a batch promises; raises DamagedStreamError."""
    rows = header.number(0, LONG)
    if rows < 0:
        raise DamagedStreamError("a batch has fewer than no rows")
    return rows


class BatchReader:
    """Reads the columns of one batch in their order, none of more than `rows` cells."""

    def __init__(self, header: FlatTable, body: memoryview) -> None:
        """Find the buffers; raises DamagedStreamError where one leads out of the body, or is compressed."""
        if header.table(3) is not None:
            raise DamagedStreamError(
                "buffers without compression are needed: write the stream with compression=None"
            )
        self._rows = batch_rows(header)
        self._nodes = iter(_pairs(header.pairs(1)))
        self._buffers = iter(_pairs(header.pairs(2)))
        self._views = iter(header.longs(4))
        self._body = body

    def columns(self, columns: Sequence[StreamColumn], dictionaries: Mapping[int, Cells]) -> list[Cells]:
        """Read every column; raises DamagedStreamError where the batch has more or fewer of anything."""
        found = [
            self._cells(column.cell)
            if column.index is None
            else self._coded(column.index, dictionaries.get(column.dictionary))
            for column in columns
        ]
        self._end()
        return found

    def words(self, cell: CellType) -> Cells:
        """Read the one column of a dictionary; raises DamagedStreamError."""
        found = self._cells(cell)
        self._end()
        return found

    def _end(self) -> None:
        if any(next(left, None) is not None for left in (self._nodes, self._buffers, self._views)):
            raise DamagedStreamError("a batch has more buffers than its columns need")

    def _cells(self, cell: CellType) -> Cells:
        """Read the next column."""
        length, nulls = _next(self._nodes)
        if length != self._rows:
            raise DamagedStreamError("a column has another length than its batch")
        if cell.name == "null":
            return Nothing(self._rows)
        known = _next(self._buffers)
        valid = self._bits(known) if nulls else None
        if cell.name == "bool":
            return Flags(valid, self._bits(_next(self._buffers)))
        if cell.name == "text view":
            return self._viewed(valid)
        if cell.name.endswith("text"):
            return self._texts(valid, "<i8" if cell.name.startswith("large") else "<i4")
        numbers = self._numbers(_next(self._buffers), cell.numbers, self._rows)
        if cell.name == "timestamp":
            return Moments(valid, numbers, cell.unit, cell.zoned)
        return Numbers(valid, numbers)

    def _coded(self, index: CellType, words: Cells | None) -> Cells:
        found = self._cells(index)
        if words is None or not isinstance(found, Numbers):
            raise DamagedStreamError("a column's dictionary is not there")
        # Beyond 2^63 a place is negative, and refused.
        places = found.numbers.astype(np.int64)
        known = places if found.valid is None else places[found.valid]
        if len(known) and not (known.min() >= 0 and known.max() < row_count(words)):
            raise DamagedStreamError("a cell is no word of its dictionary")
        return Coded(found.valid, places, words)

    def _texts(self, valid: Valid, kind: str) -> Texts:
        ends, (begin, size) = _next(self._buffers), _next(self._buffers)
        content = self._slice(begin, size)
        if not self._rows:
            return Texts(valid, np.zeros(1, np.int64), content)
        offsets = self._numbers(ends, np.dtype(kind), self._rows + 1).astype(np.int64)
        if offsets[0] < 0 or offsets[-1] > size or np.minimum.reduce(offsets[1:] - offsets[:-1]) < 0:
            raise DamagedStreamError("a text leads out of its column")
        return Texts(valid, offsets, content)

    def _viewed(self, valid: Valid) -> Texts:
        """Put texts that lie anywhere in several buffers one behind the other."""
        begin, size = _next(self._buffers)
        views = self._slice(begin, size)
        count = next(self._views, 0)
        if count < 0 or size < _VIEW_BYTES * self._rows:
            raise DamagedStreamError("a column of views has other buffers than it promises")
        buffers = [self._slice(*_next(self._buffers)) for _ in range(count)]
        fields = np.frombuffer(views, "<i4", 4 * self._rows).reshape(-1, 4) if self._rows else _NO_VIEWS
        lengths = fields[:, 0].astype(np.int64)
        if valid is not None:
            lengths[~valid] = 0
        if len(lengths) and (lengths.min() < 0 or lengths.sum() > MOST_TEXT_BYTES):
            raise DamagedStreamError(f"at most {MOST_TEXT_BYTES} bytes of text are possible")
        pieces = []
        for nth, (length, (_, _, buffer, place)) in enumerate(
            zip(lengths.tolist(), fields.tolist(), strict=True)
        ):
            if length <= _INLINE_BYTES:
                piece = views[_VIEW_BYTES * nth + 4 : _VIEW_BYTES * nth + 4 + length]
            elif not 0 <= buffer < count or place < 0 or place + length > len(buffers[buffer]):
                raise DamagedStreamError("a text leads out of its column")
            else:
                piece = buffers[buffer][place : place + length]
            pieces.append(piece)
        return Texts(valid, np.concatenate(([0], np.cumsum(lengths))), memoryview(b"".join(pieces)))

    def _numbers(self, buffer: tuple[int, int], kind: np.dtype[Any], count: int) -> NDArray[Any]:
        content = self._slice(*buffer)
        if len(content) < count * kind.itemsize:
            raise DamagedStreamError("a column is shorter than its batch")
        return np.frombuffer(content, kind, count) if count else np.empty(0, kind)

    def _bits(self, buffer: tuple[int, int]) -> NDArray[np.bool_]:
        packed = self._numbers(buffer, _BYTE, (self._rows + 7) // 8)
        return np.unpackbits(packed, count=self._rows, bitorder="little").view(np.bool_)

    def _slice(self, begin: int, size: int) -> memoryview:
        if begin < 0 or size < 0 or begin + size > len(self._body):
            raise DamagedStreamError("a buffer leads out of its message")
        return self._body[begin : begin + size]


_BYTE: Final = np.dtype("u1")
_VIEW_BYTES: Final = 16
_INLINE_BYTES: Final = 12
_NO_VIEWS: Final = np.empty((0, 4), np.int32)


def row_count(cells: Cells) -> int:
    """The number of cells."""
    match cells:
        case Nothing(rows=rows):
            return rows
        case Texts(offsets=offsets):
            return len(offsets) - 1
        case Numbers(numbers=column) | Flags(flags=column) | Moments(ticks=column) | Coded(places=column):
            return len(column)


def _pairs(numbers: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    return zip(numbers[::2], numbers[1::2], strict=True)


def _next(pairs: Iterator[tuple[int, int]]) -> tuple[int, int]:
    found = next(pairs, None)
    if found is None:
        raise DamagedStreamError("a batch has fewer buffers than its columns need")
    return found
