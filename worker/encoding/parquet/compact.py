"""Compact: numbers, texts and lists in Thrift's compact protocol, in which Parquet writes what is no value of a column."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

I32: Final = 5
I64: Final = 6
TEXT: Final = 8
LIST: Final = 9
STRUCT: Final = 12

END: Final = b"\0"
"""Behind the last field of a struct."""

_SHORT: Final = 15
"""Lists from this length on have it behind their first byte."""


def varint(number: int) -> bytes:
    """Write a number that is not negative, seven bits a byte."""
    # Most are of few bytes: a file of one row group has three hundred of them, a third of its time.
    if number < 1 << 7:
        return bytes((number,))
    if number < 1 << 14:
        return bytes((number & 0x7F | 0x80, number >> 7))
    return bytes((number & 0x7F | 0x80,)) + varint(number >> 7)


@lru_cache(maxsize=4_096)
def number(step: int, value: int, kind: int = I64) -> bytes:
    """A field of a number that is not negative, `step` fields behind the one before."""
    return bytes((step << 4 | kind,)) + varint(value << 1)


def text(step: int, value: bytes) -> bytes:
    """A field of a text, or of bytes."""
    return bytes((step << 4 | TEXT,)) + varint(len(value)) + value


def struct(step: int, fields: bytes) -> bytes:
    """A field of a struct, whose fields are written already."""
    return bytes((step << 4 | STRUCT,)) + fields + END


def listed(step: int, kind: int, elements: Sequence[bytes]) -> bytes:
    """A field of a list of elements of one kind; structs among them have their END."""
    count = len(elements)
    head = bytes((count << 4 | kind,)) if count < _SHORT else bytes((0xF0 | kind,)) + varint(count)
    return bytes((step << 4 | LIST,)) + head + b"".join(elements)


def word(value: bytes) -> bytes:
    """A text as an element of a list."""
    return varint(len(value)) + value
