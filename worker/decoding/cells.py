"""JsonCells: the text of JSON columns as numbers, some operations for all of them together and no object for any.

Only what is plainly right is read. Where anything else stands, `IrregularCellsError` is raised and pydantic is asked: nothing
here says that a text is wrong, or how.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    # Eight characters each, the first one lowest.
    Words = NDArray[np.uint64]

LONGEST: Final = 8
"""Characters of a number: as many as a machine word holds."""


class IrregularCellsError(Exception):
    """The text is not in the one form that is read here; it may be right all the same."""


class JsonCells:
    """Where each cell of some columns begins and ends, all of them in one text.

    `columns` and `rows` are slices of what was given; a part of a large table stays in the processor's cache.
    """

    def __init__(self, texts: Sequence[bytes], rows: int) -> None:
        """Find the cells; raises IrregularCellsError where a column has not so many, or one is empty."""
        # Padding on both sides, for a word reaches eight characters back from a cell's end, or on from its begin.
        padding = b"0" * LONGEST
        text = b"".join((padding, b",".join(texts), b",", padding))
        self._bytes = np.frombuffer(text, dtype=np.uint8)
        (ends,) = (self._bytes == ord(",")).nonzero()
        if len(ends) != rows * len(texts):
            raise IrregularCellsError
        begins = np.empty_like(ends)
        begins[0] = LONGEST
        np.add(ends[:-1], 1, out=begins[1:])
        self.ends, self.begins = ends.reshape(-1, rows), begins.reshape(-1, rows)
        self.lengths = self.ends - self.begins
        if self.ends[:, -1].tolist() != _lasts(texts) or int(self.lengths.min()) < 1:
            raise IrregularCellsError
        # At every place of the text the word that begins there.
        self.words = np.ndarray((len(text) - LONGEST + 1,), "<u8", text, 0, (1,))

    def firsts(self, columns: slice, rows: slice) -> NDArray[np.uint8]:
        """Each cell's first character."""
        found: NDArray[np.uint8] = self._bytes.take(self.begins[columns, rows])
        return found


def numbers(cells: JsonCells, columns: slice, rows: slice) -> tuple[NDArray[np.float64], list[bool]]:
    """Read columns of numbers, each `37.5,null,3` in JSON, as (columns, rows), NaN for null; raises IrregularCellsError.

    Says of each column whether any number in it has a fraction. None may begin with 0, nor have sign or exponent.
    """
    digits = _digits(cells, columns, rows)
    # By its length too: zeros before it would be no null.
    null = (digits == _NULL) & (cells.lengths[columns, rows] == len("null"))
    has_null = bool(null.any())
    if has_null:
        digits[null] = _ONE
    dots, powers = _dots(digits)
    values = _integers(_without(dots, digits)) / powers
    wrong = cells.firsts(columns, rows) < ord("1")
    if has_null:
        values[null] = np.nan
        wrong &= ~null
    if wrong.any():
        raise IrregularCellsError
    return values, (powers.max(axis=1) > 1).tolist()


def codes(cells: JsonCells, columns: slice, rows: slice, vocabulary: Vocabulary) -> NDArray[np.float64]:
    """Read columns of words, `"male",null` in JSON, as (columns, rows), each one's place among its column's words.

    NaN for null; raises IrregularCellsError.
    """
    lengths = cells.lengths[columns, rows]
    if int(lengths.max()) > 2 * LONGEST:
        raise IrregularCellsError
    # Each word of a column is known by its length; what has this length must be this word.
    which = lengths + vocabulary.offsets
    heads = cells.words[cells.begins[columns, rows]]
    heads &= _FIRST.take(lengths)
    if not (heads == vocabulary.heads.take(which)).all():
        raise IrregularCellsError
    (longer,) = (lengths.ravel() > LONGEST).nonzero()
    if len(longer):
        tails = cells.words[cells.ends[columns, rows].ravel().take(longer) - LONGEST]
        if not (tails == vocabulary.tails.take(which.ravel().take(longer))).all():
            raise IrregularCellsError
    found: NDArray[np.float64] = vocabulary.codes.take(which)
    return found


class Vocabulary:
    """The words that columns may hold: the only word of each length, by column and length."""

    def __init__(self, columns: Sequence[Sequence[str]]) -> None:
        """Store the words; raises ValueError where two of a column are equally long, or one is too long."""
        width = 2 * LONGEST + 1
        self.offsets = (np.arange(len(columns)) * width)[:, None]
        # Of other lengths there is no word; commas, which stand between cells, are in none.
        self.heads = np.full(len(columns) * width, _COMMAS)
        self.tails = self.heads.copy()
        self.codes = np.full(len(columns) * width, np.nan)
        for nth, words in enumerate(columns):
            written = [b"null", *(f'"{word}"'.encode() for word in words)]
            if len({*map(len, written)}) < len(written) or max(map(len, written)) >= width:
                raise ValueError(f"words of different lengths up to {width - 3} are needed: {words}")
            for code, word in enumerate(written, start=-1):
                place = nth * width + len(word)
                self.heads[place], self.tails[place] = _word(word[:LONGEST]), _word(word[-LONGEST:])
                self.codes[place] = code if code >= 0 else np.nan


def _digits(cells: JsonCells, columns: slice, rows: slice) -> Words:
    """Each cell's digits, 0 to 9, zeros before the shorter ones; raises IrregularCellsError where one is longer than a word."""
    lengths = cells.lengths[columns, rows]
    if int(lengths.max()) > LONGEST:
        raise IrregularCellsError
    words: Words = cells.words[cells.ends[columns, rows] - LONGEST]
    words ^= _ZEROS
    words &= _LAST.take(lengths)
    return words


def _lasts(texts: Sequence[bytes]) -> list[int]:
    """Where each text's last cell ends, after the padding and with a comma behind each text."""
    return [LONGEST - 1 + end for end in accumulate(len(each) + 1 for each in texts)]


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


def _each(byte: int) -> np.uint64:
    return _word(bytes([byte]) * LONGEST)


_COMMAS: Final = _each(ord(","))
_ZEROS: Final = _each(ord("0"))
_FIRST: Final = np.array(
    [2 ** (8 * min(length, LONGEST)) - 1 for length in range(2 * LONGEST + 1)], dtype=np.uint64
)
_LAST: Final = np.array(
    [2**64 - 2 ** (8 * (LONGEST - length)) for length in range(LONGEST + 1)], dtype=np.uint64
)
"""The mask that keeps the first, or the last, so many characters of a word."""

_NULL: Final = (_word(b"null".rjust(LONGEST, b"0"))) ^ _ZEROS
_ONE: Final = _word(b"00000001") ^ _ZEROS
_DOTS: Final = _each(ord(".") ^ ord("0"))
_LOWS, _HIGHS, _ABOVE_NINE = _each(0x01), _each(0x80), _each(0x76)
_MARKS: Final = {
    0: 1.0,
    **{0x80 << 8 * (LONGEST - 1 - behind): 10.0**behind for behind in range(1, LONGEST)},
}
"""The mark of a dot with so many digits behind it, and the power of ten that a number of these digits is divided by."""


def _dots(digits: Words) -> tuple[Words, NDArray[np.float64]]:
    """Mark the place of each number's dot, 0 where it has none, with the power that it means.

    Both are of shape (columns, 1) where a column's numbers are all alike. Raises IrregularCellsError where a number has two.
    """
    others = digits ^ _DOTS
    marks = others - _LOWS
    marks &= ~others
    marks &= _HIGHS
    least = marks.min(axis=1, keepdims=True)
    if (least == marks.max(axis=1, keepdims=True)).all():
        return least, _powers(least.ravel()).reshape(-1, 1)
    every, where = np.unique(marks, return_inverse=True)
    return marks, _powers(every)[where.reshape(marks.shape)]


def _powers(marks: Words) -> NDArray[np.float64]:
    try:
        return np.array([_MARKS[each] for each in marks.tolist()])
    except KeyError:
        raise IrregularCellsError from None


def _without(dots: Words, digits: Words) -> Words:
    """Move the digits before a dot onto its place."""
    some = (dots != 0).astype(np.uint64)
    before = (dots >> np.uint64(7)) - some
    behind = ~((before << np.uint64(8)) | (some * np.uint64(0xFF)))
    moved = digits & before
    moved <<= np.uint64(8)
    digits &= behind
    digits |= moved
    return digits


def _integers(digits: Words) -> Words:
    """Read eight digits each; raises IrregularCellsError where one is none."""
    # No carry reaches the next digit unless one is beyond 0x7F, which is found by itself.
    above = digits + _ABOVE_NINE
    above |= digits
    above &= _HIGHS
    if above.any():
        raise IrregularCellsError
    pairs = digits >> np.uint64(8)
    digits *= np.uint64(10)
    pairs += digits
    high = pairs >> np.uint64(16)
    high &= _PAIRS
    high *= np.uint64(1 + (10_000 << 32))
    pairs &= _PAIRS
    pairs *= np.uint64(100 + (1_000_000 << 32))
    pairs += high
    pairs >>= np.uint64(32)
    return pairs


_PAIRS: Final = np.uint64(0x000000FF000000FF)
