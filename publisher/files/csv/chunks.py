"""LineChunk: some whole lines of a file, and where they stand in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from rookery.publisher.files.csv.profile import MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rookery.publisher.files.csv.profile import CsvProfile

_MOST: Final = 4 * MAX_LINE + 1
"""Bytes of a line that are more than MAX_LINE characters in any case."""


@dataclass(frozen=True, slots=True)
class FilePosition:
    """Where reading goes on: bytes into the unpacked file, and the rows (lines after the header) before it."""

    offset: int
    row: int


@dataclass(frozen=True, slots=True)
class LineChunk:
    """Lines in one text, LF between them, each with its row (from 0, blank lines count), and the place after them.

    `cut` says that a line was longer than MAX_LINE, and is not here whole.
    """

    text: str
    rows: Sequence[int]
    end: FilePosition
    cut: bool = False

    @property
    def lines(self) -> list[str]:
        """The lines, one for each row."""
        return self.text.split("\n")

    def filled(self) -> LineChunk:
        """The same without blank lines; of no rows it has been before."""
        if not self.rows:
            return self
        lines = self.lines
        kept = [
            (row, line) for row, line in zip(self.rows, lines, strict=True) if line and not line.isspace()
        ]
        if len(kept) == len(lines):
            return self
        text, rows = "\n".join(line for _, line in kept), [row for row, _ in kept]
        return LineChunk(text=text, rows=rows, end=self.end, cut=self.cut)

    def part(self, part: slice) -> LineChunk:
        """Some of the lines."""
        text = "\n".join(self.lines[part])
        return LineChunk(text=text, rows=self.rows[part], end=self.end, cut=self.cut)

    def picked(self, positions: Sequence[int]) -> LineChunk:
        """The lines at these positions in it (from 0)."""
        lines, rows = self.lines, self.rows
        text = "\n".join([lines[position] for position in positions])
        return LineChunk(
            text=text, rows=[rows[position] for position in positions], end=self.end, cut=self.cut
        )


def blocks(file: BinaryIO, profile: CsvProfile, begin: FilePosition, size: list[int]) -> Iterator[LineChunk]:
    """Read on from a place, about `size[0]` bytes at a time, which may change on the way.

    Of an endless line only the beginning is kept, which is too long still. Raises EOFError where the file is
    shorter than it was.
    """
    _go(file, begin.offset)
    read = begin.offset
    offset, row, rest, skipped = begin.offset, begin.row, b"", 0
    while True:
        # Bytes that were appended since the file was profiled are not part of its digest, which names the readings.
        piece = file.read(min(size[0], profile.size - read))
        read += len(piece)
        rest += piece
        cut = rest.rfind(profile.line_end) + 1 if piece else len(rest)
        if cut:
            text = rest[:cut].decode(profile.encoding, errors="replace")
            offset += cut + skipped
            block = _block(text, profile.line_end.decode(), row=row, place=offset, cut=bool(skipped))
            row, rest, skipped = block.end.row, rest[cut:], 0
            yield block
        elif len(rest) > _MOST:
            skipped += len(rest) - _MOST
            rest = rest[:_MOST]
        if not piece:
            if read < profile.size:
                raise EOFError("it became shorter while it was read")
            return


def _go(file: BinaryIO, offset: int) -> None:
    if file.seekable():
        file.seek(offset)
        return
    while offset and (piece := file.read(min(offset, 1 << 20))):
        offset -= len(piece)


def _block(text: str, line_end: str, *, row: int, place: int, cut: bool) -> LineChunk:
    if line_end == "\r":
        text = text.replace("\r", "\n")
    elif "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    text = text.removesuffix("\n")
    rows = range(row, row + text.count("\n") + 1)
    return LineChunk(text=text, rows=rows, end=FilePosition(offset=place, row=rows.stop), cut=cut)
