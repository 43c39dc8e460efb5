"""ArrowColumn: cells of a feature as float64, straight from the stream's bytes; what is not plainly right is left to the codec."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.schemas.contract.types import MAX_IDENTITY
from rookery.schemas.parsing.moment import parse
from rookery.worker.decoding.arrow.batch import MOST_TEXT_BYTES
from rookery.worker.decoding.arrow.cells import Coded, Flags, Moments, Nothing, Numbers, Texts
from rookery.worker.decoding.column_reader import IrregularTableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.contract.feature import Feature
    from rookery.worker.decoding.arrow.cells import Cells, Valid


class ArrowColumn:
    """Reads a feature's cells (NaN for null, a code for a word, 0 and 1 for a flag); immutable.

    Bounds are left to who reads the table, who holds all columns against them at once.
    """

    def __init__(self, feature: Feature, codes: Mapping[str | None, float] | None) -> None:
        """Prepare for a feature; `codes` are those of a category's words."""
        self._numeric = feature.numeric
        self._whole = feature.numeric and feature.range.whole
        self._words = None if codes is None else _WordCodes(codes)

    def fill(self, cells: Cells, into: NDArray[np.float64]) -> None:
        """Write cells into an array of as many; raises IrregularTableError."""
        match cells:
            case Nothing():
                into[:] = np.nan
                return
            case Numbers(valid, numbers) if self._numeric:
                self._numbers(numbers, valid, into)
            case Flags(valid, flags) if not (self._numeric or self._words):
                into[:] = flags
            case Texts(valid) if self._words is not None:
                into[:], all_known = self._words.of(cells)
                if not all_known:
                    _refuse(into, valid)
            case Coded(valid, places, Texts() as words) if self._words is not None:
                codes = np.append(self._words.of(words)[0], _UNKNOWN)
                # The place in a null cell may lead anywhere.
                into[:] = codes[places if valid is None else np.where(valid, places, -1)]
                _refuse(into, valid)
            case Coded(valid, places, Numbers(_, numbers) as words) if self._numeric and not words.valid:
                shared = np.append(numbers.astype(np.float64), 0.0)
                self._numbers(shared[places if valid is None else np.where(valid, places, -1)], valid, into)
            case _:
                raise IrregularTableError
        if valid is not None:
            into[~valid] = np.nan

    def _numbers(self, numbers: NDArray[Any], valid: Valid, into: NDArray[np.float64]) -> None:
        into[:] = numbers
        if numbers.dtype.kind == "f":
            known = into if valid is None else into[valid]
            # JSON holds no NaN either; a whole number may be written as a float.
            # NaN is the largest of all.
            if math.isnan(np.maximum.reduce(known, initial=-math.inf)) or (
                self._whole and (known != np.trunc(known)).any()
            ):
                raise IrregularTableError
            if self._whole:
                into += 0.0  # a negative zero is another one as float64


_UNKNOWN: Final = -1.0


def _refuse(codes: NDArray[np.float64], valid: Valid) -> None:
    """Raise IrregularTableError where a cell's word is unknown."""
    if (codes == _UNKNOWN if valid is None else (codes == _UNKNOWN) & valid).any():
        raise IrregularTableError


class _WordCodes:
    """Finds the codes of words by their bytes, eight of them at once as a number."""

    def __init__(self, codes: Mapping[str | None, float]) -> None:
        words = {word.encode(): code for word, code in codes.items() if word is not None}
        self._chunks = max(1, -(-max(map(len, words)) // 8))
        parts = {word: np.frombuffer(word.ljust(8 * self._chunks, b"\0"), "<u8") for word in words}
        keys = {word: int(_key(parts[word])) for word in words}
        ordered = sorted(words, key=keys.__getitem__)
        self._keys = np.array([keys[word] for word in ordered], np.uint64)
        self._parts = np.array([parts[word] for word in ordered], np.uint64).T.copy()
        self._lengths = np.array([len(word) for word in ordered])
        self._codes = np.array([words[word] for word in ordered])
        self._masks = _first_bytes(self._chunks)

    def of(self, texts: Texts) -> tuple[NDArray[np.float64], bool]:
        """The code of each text, _UNKNOWN for a word that there is none for; and whether there is none such."""
        begins = texts.offsets[:-1]
        lengths = texts.offsets[1:] - begins
        # Every place of the content is taken for the beginning of a word, the last ones of it blank.
        width = 8 * self._chunks
        padded = b"".join((texts.content, bytes(width)))
        every = np.ndarray((len(padded) - width + 1,), f"V{width}", padded, strides=(1,))
        parts = every[begins].view("<u8").reshape(-1, self._chunks)
        parts &= self._masks.take(lengths, axis=0, mode="clip")
        place = np.searchsorted(self._keys[:-1], _key(parts.T))
        right = self._lengths.take(place) == lengths
        for own, part in zip(self._parts, parts.T, strict=True):
            right &= own.take(place) == part
        codes = self._codes.take(place)
        if np.count_nonzero(right) == len(right):
            return codes, True
        return np.where(right, codes, _UNKNOWN), False


def _first_bytes(chunks: int) -> NDArray[np.uint64]:
    """Masks (8 * chunks + 1, chunks) of so many first bytes."""
    masks = [b"\xff" * count + bytes(8 * chunks - count) for count in range(8 * chunks + 1)]
    return np.frombuffer(b"".join(masks), "<u8").reshape(-1, chunks)


_MIX: Final = np.array(0x9E3779B97F4A7C15, np.uint64)


def _key(parts: Sequence[Any] | NDArray[np.uint64]) -> Any:
    """One number for the parts of a word or of many; that two words have the same is found out by comparing all parts."""
    key = parts[0]
    for part in parts[1:]:
        key = key * _MIX + part
    return key


def identities(cells: Cells) -> list[str | None]:
    """Read ids, None for null; raises IrregularTableError."""
    column = _texts(cells)
    if any(not 0 < len(name) <= MAX_IDENTITY for name in column if name is not None):
        raise IrregularTableError
    # No control character is printable; the few others that are not are left to the codec.
    if not "".join(filter(None, column)).isprintable():
        raise IrregularTableError
    return column


def times(cells: Cells) -> list[Any]:
    """Read times, None for null; raises IrregularTableError, or ValueError with the rule that a text breaks."""
    if isinstance(cells, Moments):
        moments = cells.moments()
        if moments is None:
            raise IrregularTableError
        return moments
    return [None if text is None else parse(text) for text in _texts(cells)]


def _texts(cells: Cells) -> list[str | None]:
    match cells:
        case Nothing() | Texts() | Coded(words=Texts()) if cells.text_bytes <= MOST_TEXT_BYTES:
            return cells.values()
    raise IrregularTableError
