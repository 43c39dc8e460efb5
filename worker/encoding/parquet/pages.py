"""ColumnPage: a column's values of one row group, behind a page of its words where they are few, and its entry at the end of the file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rookery.worker.encoding.parquet.compact import END, I32, TEXT, listed, number, struct, varint, word
from rookery.worker.encoding.parquet.levels import texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rookery.worker.encoding.parquet.leaves import Leaf

PLAIN, RUNS, WORDS = 0, 3, 8
"""Encodings: values as they are, levels, and places among the words of the page before."""

_OF_DATA, _OF_WORDS = 0, 2
_LEVELS: Final = number(1, RUNS, I32) * 2


class Chunk(NamedTuple):
    """A column of a row group: its bytes, those that they were before compression, and its entry at the end of the file."""

    content: bytes
    plain: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class ColumnPage:
    """So many values, or places among `words`; `levels` stand before them. `compress` is for what repeats itself."""

    count: int
    values: bytes
    levels: bytes = b""
    words: Sequence[bytes] | None = None
    sized: bool = True
    """Whether each word is behind its length, as texts are."""

    statistics: bytes = b""
    compress: Callable[[bytes], bytes] | None = None

    def chunk(self, leaf: Leaf, place: int) -> Chunk:
        """Write the column of a leaf for a place in the file."""
        of_words = self.words is not None
        before, plain = b"", 0
        if self.words is not None:
            content = texts(self.words) if self.sized else b"".join(self.words)
            about = struct(4, number(1, len(self.words), I32) + number(1, PLAIN, I32))
            before, plain = self._page(_OF_WORDS, content, about)
        about = struct(2, number(1, self.count, I32) + number(1, WORDS if of_words else PLAIN, I32) + _LEVELS)
        data, size = self._page(_OF_DATA, self.levels + self.values, about)
        whole, plain = before + data, plain + size
        sizes = number(1, self.count) + number(1, plain) + number(1, len(whole))
        places = number(2, place + len(before)) + (number(2, place) if of_words else b"")
        said = struct(1 if of_words else 3, self.statistics) if self.statistics else b""
        known = _known(leaf, of_words=of_words, packed=self.compress is not None)
        return Chunk(whole, plain, number(2, place) + struct(1, known + sizes + places + said) + END)

    def _page(self, kind: int, content: bytes, about: bytes) -> tuple[bytes, int]:
        """Write one page; gives its size before compression, too."""
        packed = content if self.compress is None else self.compress(content)
        head = number(1, kind, I32) + number(1, len(content), I32) + number(1, len(packed), I32) + about + END
        return head + packed, len(head) + len(content)


@cache
def _known(leaf: Leaf, *, of_words: bool, packed: bool) -> bytes:
    """The type, the encodings and the name of a column, and whether it is compressed: the same at the end of every file."""
    encodings = (PLAIN, RUNS, WORDS) if of_words else (PLAIN, RUNS)
    return (
        number(1, leaf.kind, I32)
        + listed(1, I32, [varint(each << 1) for each in encodings])
        + listed(1, TEXT, [word(each.encode()) for each in leaf.path])
        + number(1, int(packed), I32)
    )
