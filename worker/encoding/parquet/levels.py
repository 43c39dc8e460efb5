"""Levels: where a value is absent or begins a list, and which word it is, in Parquet's runs of equal or packed numbers."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.worker.encoding.parquet.compact import varint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_GROUP: Final = 8
"""Packed numbers stand in groups of so many."""


def same(level: int, count: int) -> bytes:
    """One level for all."""
    return _sized(varint(count << 1) + bytes((level,)))


def flags(levels: NDArray[np.bool_]) -> bytes:
    """Levels (n,) of 0 and 1."""
    return _sized(_packed(len(levels), np.packbits(levels, bitorder="little").tobytes(), 1))


def pairs(levels: NDArray[np.uint8]) -> bytes:
    """Levels (n,) of 0 to 3."""
    count = len(levels)
    whole = np.zeros(-(-count // _GROUP) * _GROUP, np.uint8)
    whole[:count] = levels
    return _sized(_packed(count, (whole.reshape(-1, 4) @ _PLACES).tobytes(), 2))


_PLACES: Final = np.array([1, 4, 16, 64], np.uint8)


def first_word(count: int) -> bytes:
    """The first word of its page for all of so many values."""
    return b"\x01" + varint(count << 1) + b"\0"


def which_words(places: NDArray[np.integer[Any]], words: int) -> bytes:
    """The places (n,) of values among so many words, in whole bytes."""
    kind = "<u1" if words <= 1 << 8 else "<u2" if words <= 1 << 16 else "<u4"
    written = places.astype(kind)
    width = 8 * written.itemsize
    return bytes((width,)) + _packed(len(places), written.tobytes(), width)


def texts(words: Iterable[bytes]) -> bytes:
    """Texts as values: each behind its length."""
    return b"".join([pack("<I", len(each)) + each for each in words])


def _packed(count: int, content: bytes, width: int) -> bytes:
    """A run of packed numbers of so many bits, filled up to a whole group."""
    groups = -(-count // _GROUP)
    return varint(groups << 1 | 1) + content.ljust(groups * width, b"\0")


def _sized(content: bytes) -> bytes:
    return pack("<I", len(content)) + content
