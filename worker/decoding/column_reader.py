"""ColumnReader: the JSON text of one column's cells as numbers, a piece of the column after the other.

Pieces of a JSON array, cut at commas, are right only where the whole is, and have the same values; so that a cut in a text,
whose pieces are none, costs time and nothing else.
"""

from __future__ import annotations

from operator import itemgetter
from struct import pack
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from rookery.schemas.contract.reading_classes import MAX_ROWS
from rookery.schemas.parsing.moment import parse
from rookery.worker.decoding.cell_types import IDENTITY_CELLS, cell_type
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rookery.schemas.contract.feature import Feature

    # The cells of a piece as float64 in machine form, from their values and their text.
    Packed = Callable[[Sequence[Any], bytes], bytes]

_PIECE_BYTES: Final = 32 * 1024
"""Text that is read without stepping aside: less than half a millisecond's work."""


def _decoder(kind: Any) -> Callable[[bytes], list[Any]]:
    cells: Any = list[kind | None]
    decode: Callable[[bytes], list[Any]] = msgspec.json.Decoder(cells).decode
    return decode


class IrregularTableError(ValueError):
    """The text is not in the form that is read here; it may be right all the same."""


class FeatureColumn:
    """Reads a feature's cells as float64 (NaN for null, a code for a word, 0 and 1 for a flag); immutable.

    Bounds are left to who reads the table, who holds all columns against them at once.
    """

    def __init__(self, feature: Feature, codes: Mapping[Any, float] | None) -> None:
        """Prepare for a feature; `codes` are those of a category's words."""
        kind = float if feature.numeric else cell_type(feature, unknown=False)
        self._decode = _decoder(kind)
        # A plain dictionary: an unknown word has been refused before.
        self._packed: Packed = _packed_numbers if codes is None else _Words(dict(codes))
        self._whole = feature.numeric and feature.range.whole

    def read(self, text: bytes) -> tuple[list[bytes], int]:
        """Read `[1.5,null]` as packed float64 and the number of cells; raises IrregularTableError, or an error of NOT_READ."""
        if self._whole and (any(mark in text for mark in _NO_INTEGERS) or (b"-" in text and b"-0" in text)):
            raise IrregularTableError
        packed = []
        rows = 0
        for piece in _pieces(text):
            values = self._decode(piece)
            rows += len(values)
            if not values or rows > MAX_ROWS:
                raise IrregularTableError
            packed.append(self._packed(values, piece))
        return packed, rows


_NO_INTEGERS: Final = (b".", b"e", b"E")
"""Marks of numbers that are none; and a negative zero is another one as float64."""


def read_texts(name: str, text: bytes) -> list[Any]:
    """Read a column of identities or times, None for null; raises IrregularTableError, or an error of NOT_READ."""
    decode, checked = _TEXTS[name]
    column: list[Any] = []
    for piece in _pieces(text):
        column += checked(decode(piece))
        if len(column) > MAX_ROWS:
            raise IrregularTableError
    return column


def _identities(column: list[str | None]) -> list[str | None]:
    # No control character is printable; the few others that are not are left to the codec.
    if not "".join(filter(None, column)).isprintable():
        raise IrregularTableError
    return column


def _times(column: list[str | None]) -> list[Any]:
    return [None if time is None else parse(time) for time in column]


_TEXTS: Final[dict[str, tuple[Callable[[bytes], list[Any]], Callable[[list[Any]], list[Any]]]]] = {
    name: (
        _decoder(kind),
        _times if name == "observed_at" else _identities,
    )
    for name, kind in IDENTITY_CELLS.items()
}


def _pieces(text: bytes) -> Iterable[bytes]:
    """Cut the text of an array into texts of arrays where it is long."""
    return (text,) if len(text) <= _PIECE_BYTES else _cut(text)


def _cut(text: bytes) -> Iterator[bytes]:
    # A comma behind a quote is in few texts, one alone in many.
    mark = b'",' if b'"' in text else b","
    begin = 1
    while (cut := text.find(mark, begin + _PIECE_BYTES)) > 0:
        cut += len(mark)
        yield b"[%b]" % text[begin : cut - 1]
        step_aside()
        begin = cut
    yield b"[%b" % text[begin:]


def _packed_numbers(values: Sequence[float | None], text: bytes) -> bytes:
    # Half as long as numpy takes for a list, where each may be of another type.
    if b"n" not in text:
        return pack(f"{len(values)}d", *values)
    return np.fromiter(values, np.float64, len(values)).tobytes()  # None becomes NaN


class _Words:
    """Packs the codes of words."""

    def __init__(self, codes: Mapping[Any, float]) -> None:
        self._codes = codes

    def __call__(self, words: Sequence[str | None], _: bytes) -> bytes:
        found = itemgetter(*words)(self._codes)
        return pack(f"{len(words)}d", *found) if len(words) > 1 else pack("d", found)
