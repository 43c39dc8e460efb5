"""TextBlock: some whole rows of a text as UTF-8, and where they stand in it."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.publisher.files.scan import FileScan

MAX_LINE: Final = 65_536
"""Characters of one row; eight cells need about fifty."""

BLOCK: Final = 1 << 19
"""Bytes of a file that are read at a time."""

_MOST: Final = 4 * MAX_LINE + 1
"""Bytes of a line that are more than MAX_LINE characters in any case."""

_FEED: Final = b"\n"


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Lines that end with LF, the first of which begins at `offset`; the next block begins at `end`.

    `cut` says that it is one line of more than MAX_LINE characters, and not here whole.
    """

    data: bytes
    offset: int
    end: int
    cut: bool = False


def blocks(
    file: BinaryIO, scan: FileScan, encoding: str, offset: int, size: int = BLOCK
) -> Iterator[TextBlock]:
    """Read a text on from an offset into its UTF-8, `size` bytes at a time; rows whose quotes hold line breaks stay whole.

    Of an endless line only the beginning is kept. Raises EOFError where the file is shorter than it was.
    """
    rest, skipped = b"", 0
    for piece in _pieces(file, scan, encoding, offset, size):
        rest += piece
        cut = _cut(rest)
        if cut and skipped:
            line = rest.find(_FEED) + 1
            yield TextBlock(rest[:line], offset, offset + line + skipped, cut=True)
            offset, rest, skipped, cut = offset + line + skipped, rest[line:], 0, cut - line
        if cut > 0:
            yield TextBlock(rest[:cut], offset, offset + cut)
            offset, rest = offset + cut, rest[cut:]
        elif len(rest) > _MOST and _FEED not in rest:
            skipped += len(rest) - _MOST
            rest = rest[:_MOST]
    if rest:
        yield TextBlock(rest, offset, offset + len(rest) + skipped, cut=bool(skipped))


def _cut(data: bytes) -> int:
    """Where the last whole row ends: behind a line end that stands in no quotes, if these close within MAX_LINE."""
    whole = data.rfind(_FEED) + 1
    if not data.count(b'"', 0, whole) & 1:
        return whole
    end = whole
    while end and whole - end <= MAX_LINE:
        begin = data.rfind(_FEED, 0, end - 1) + 1
        if data.count(b'"', begin, end) & 1:
            return begin
        end = begin
    # A quote that nothing closes: the rows below it are their own.
    return whole


def _pieces(file: BinaryIO, scan: FileScan, encoding: str, offset: int, size: int) -> Iterator[bytes]:
    """The text from an offset on, in UTF-8 with LF for other line ends of one sign."""
    if encoding in {"utf-8", "utf-8-sig"} and not scan.of_cr:
        yield from _plain(file, scan, offset, size)
        return
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    read = 0
    while read < scan.size:
        piece = file.read(min(size, scan.size - read))
        if not piece:
            raise EOFError(SHORTER)
        read += len(piece)
        text = decoder.decode(piece, read >= scan.size)
        made = (text.replace("\r", "\n") if scan.of_cr else text).encode(errors="replace")
        passed = min(offset, len(made))
        offset -= passed
        yield made[passed:]


def _plain(file: BinaryIO, scan: FileScan, offset: int, size: int) -> Iterator[bytes]:
    file.seek(offset) if file.seekable() else _pass(file, offset)
    # Bytes that were appended since the file was scanned are not part of its digest, which names the readings.
    while offset < scan.size:
        piece = file.read(min(size, scan.size - offset))
        if not piece:
            raise EOFError(SHORTER)
        offset += len(piece)
        yield piece


SHORTER: Final = "it became shorter while it was read"


def _pass(file: BinaryIO, offset: int) -> None:
    while offset and (piece := file.read(min(offset, 1 << 20))):
        offset -= len(piece)
