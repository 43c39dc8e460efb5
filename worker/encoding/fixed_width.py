"""FixedWidthLines: lines of one width in one piece, and what stands for many lines without an object for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, overload

from rookery.worker.encoding.contract_lines import ContractLines

if TYPE_CHECKING:
    from collections.abc import Iterator


class FixedWidthLines(Sequence[bytes]):
    """`content` holds line after line, each of `width` bytes with its newline; it must not be changed.

    A line is made on access. `others` replace some lines, and may be of any width.
    """

    __slots__ = ("_others", "content", "width")

    def __init__(self, content: memoryview, width: int, others: Mapping[int, bytes] | None = None) -> None:
        """Store the lines; `content` is a multiple of `width`."""
        self.content = content
        self.width = width
        self._others = others or {}

    def __len__(self) -> int:
        return len(self.content) // self.width

    @overload
    def __getitem__(self, nth: int) -> bytes: ...
    @overload
    def __getitem__(self, nth: slice) -> Sequence[bytes]: ...
    def __getitem__(self, nth: int | slice) -> bytes | Sequence[bytes]:
        """Make one line, or some."""
        if isinstance(nth, slice):
            return [self[each] for each in range(len(self))[nth]]
        place = range(len(self))[nth]
        begin = place * self.width
        return self._others.get(place) or bytes(self.content[begin : begin + self.width])

    def __iter__(self) -> Iterator[bytes]:
        return map(self.__getitem__, range(len(self)))

    def with_others(self, others: Mapping[int, bytes]) -> FixedWidthLines:
        """The same lines but for some, by their places."""
        return FixedWidthLines(self.content, self.width, {**self._others, **others})

    def pieces(self) -> list[bytes | memoryview]:
        """All lines in few pieces, in order."""
        pieces: list[bytes | memoryview] = []
        begin = 0
        for place in sorted(self._others):
            pieces += (self.content[begin : place * self.width], self._others[place])
            begin = (place + 1) * self.width
        return [*pieces, self.content[begin:]]


class _Chained(Sequence[bytes]):
    """The lines of several, one after the other."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[Sequence[bytes]]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @overload
    def __getitem__(self, nth: int) -> bytes: ...
    @overload
    def __getitem__(self, nth: slice) -> Sequence[bytes]: ...
    def __getitem__(self, nth: int | slice) -> bytes | Sequence[bytes]:
        return [*self][nth]

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self.parts)


_LARGE: Final = 64 * 1024
"""Bytes whose copy takes longer than to write them in pieces."""

_SHORT: Final = 4 * 1024
_MOST_SHORT: Final = 1024
"""Bytes of a part that is joined with others, and how many of them are."""

_AS_ONE: Final = frozenset({FixedWidthLines, _Chained, ContractLines})


def chained(parts: Sequence[Sequence[bytes]]) -> Sequence[bytes]:
    """Put the lines of several together; where some are even, no line is made for it."""
    if len(parts) == 1:
        return parts[0]
    if _AS_ONE.isdisjoint(map(type, parts)):
        return [line for part in parts for line in part]
    return _Chained(parts)


def parts_of(lines: Sequence[bytes]) -> list[Sequence[bytes]]:
    """The lines of each that were put together."""
    if not isinstance(lines, _Chained):
        return [lines] if len(lines) else []
    return [part for each in lines.parts for part in parts_of(each)]


class Pieces:
    """Lines that are too many bytes to copy; as long as all of them, and iterated over in pieces of some size."""

    __slots__ = ("_parts", "_size")

    def __init__(self, parts: Sequence[bytes | memoryview], size: int) -> None:
        """Store the parts, of so many bytes together."""
        self._parts = parts
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self._parts)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Join short parts that stand together; a longer one is given as it is."""
        waiting: list[bytes | memoryview] = []
        for part in self._parts:
            if len(part) < _SHORT and len(waiting) < _MOST_SHORT:
                waiting.append(part)
                continue
            if waiting:
                yield b"".join(waiting)
            waiting = []
            yield part
        if waiting:
            yield b"".join(waiting)


def joined(lines: Sequence[bytes]) -> bytes | memoryview | Pieces:
    """All lines in one piece, or, where that would be a long copy, in several."""
    pieces = _pieces(lines)
    if len(pieces) == 1:
        return pieces[0]
    size = sum(map(len, pieces))
    return b"".join(pieces) if size < _LARGE else Pieces(pieces, size)


def size_of(lines: Sequence[bytes]) -> int:
    """Bytes of lines."""
    return sum(map(len, _pieces(lines)))


def _pieces(lines: Sequence[bytes]) -> Sequence[bytes | memoryview]:
    if isinstance(lines, FixedWidthLines):
        return lines.pieces()
    if isinstance(lines, ContractLines):
        return _pieces(lines.lines)
    if isinstance(lines, _Chained):
        return [piece for part in lines.parts for piece in _pieces(part)]
    return lines
