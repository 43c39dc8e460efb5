"""FlatTable: a table of a FlatBuffers message, of which nothing is believed: each offset is held against the bytes."""

from __future__ import annotations

from struct import Struct, error, unpack_from
from typing import Final, Self


class DamagedStreamError(ValueError):
    """The bytes are no whole Arrow stream; says where they stop to be one."""


_INT32: Final = Struct("<i").unpack_from
_UINT32: Final = Struct("<I").unpack_from
_UINT16: Final = Struct("<H").unpack_from
_STRUCT_BYTES: Final = 16
"""Bytes of Arrow's structs, which are two numbers of 64 bits each."""


class FlatTable:
    """One table: the numbers, texts, tables and vectors of its fields by their places in the schema of the format."""

    __slots__ = ("_bytes", "_fields", "_place")

    def __init__(self, content: bytes, place: int) -> None:
        """Find the fields of the table at a place; raises DamagedStreamError."""
        fields = place - _number(_INT32, content, place)
        size = _number(_UINT16, content, fields)
        if size < 4 or fields + size > len(content):  # noqa: PLR2004  two sizes of two bytes stand before the fields
            raise DamagedStreamError("a table has no fields")
        self._bytes = content
        self._place = place
        self._fields = unpack_from(f"<{size // 2 - 2}H", content, fields + 4)

    @classmethod
    def root(cls, content: bytes) -> Self:
        """The table that a message is."""
        return cls(content, _number(_UINT32, content, 0))

    def number(self, field: int, kind: Struct, default: int = 0) -> int:
        """A number, or 0 and 1 for false and true."""
        place = self._of(field)
        return default if place is None else _number(kind.unpack_from, self._bytes, place)

    def table(self, field: int) -> FlatTable | None:
        """A table; None where the field is absent."""
        place = self._target(field)
        return None if place is None else FlatTable(self._bytes, place)

    def text(self, field: int) -> str | None:
        """A text; None where the field is absent."""
        place = self._target(field)
        if place is None:
            return None
        begin, count = self._vector(place, 1)
        try:
            return self._bytes[begin : begin + count].decode()
        except UnicodeDecodeError:
            raise DamagedStreamError("a name is no UTF-8") from None

    def count(self, field: int) -> int:
        """The length of a vector of tables."""
        place = self._target(field)
        return 0 if place is None else self._vector(place, 4)[1]

    def tables(self, field: int) -> list[FlatTable]:
        """A vector of tables."""
        place = self._target(field)
        if place is None:
            return []
        begin, count = self._vector(place, 4)
        offsets = unpack_from(f"<{count}I", self._bytes, begin)
        return [FlatTable(self._bytes, begin + 4 * nth + offset) for nth, offset in enumerate(offsets)]

    def pairs(self, field: int) -> tuple[int, ...]:
        """A vector of structs of two numbers, one number after the other."""
        place = self._target(field)
        if place is None:
            return ()
        begin, count = self._vector(place, _STRUCT_BYTES)
        return unpack_from(f"<{2 * count}q", self._bytes, begin)

    def longs(self, field: int) -> tuple[int, ...]:
        """A vector of numbers of 64 bits."""
        place = self._target(field)
        if place is None:
            return ()
        begin, count = self._vector(place, 8)
        return unpack_from(f"<{count}q", self._bytes, begin)

    def _of(self, field: int) -> int | None:
        offset = self._fields[field] if field < len(self._fields) else 0
        return self._place + offset if offset else None

    def _target(self, field: int) -> int | None:
        place = self._of(field)
        return None if place is None else place + _number(_UINT32, self._bytes, place)

    def _vector(self, place: int, width: int) -> tuple[int, int]:
        count = _number(_UINT32, self._bytes, place)
        if place + 4 + count * width > len(self._bytes):
            raise DamagedStreamError("a vector goes beyond its message")
        return place + 4, count


def _number(unpack: object, content: bytes, place: int) -> int:
    # A negative place would be counted from the end.
    if place < 0:
        raise DamagedStreamError("an offset leads out of its message")
    try:
        found: int = unpack(content, place)[0]  # type: ignore[operator]  # a Struct's own method, which has no name to write
    except error:
        raise DamagedStreamError("an offset leads out of its message") from None
    return found
