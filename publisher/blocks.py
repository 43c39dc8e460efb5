"""Block: some whole lines of a file, and where they stand in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from publisher.dialect import MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from publisher.dialect import Survey


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading goes on: bytes into the unpacked file, and the rows (lines after the header) before it."""

    offset: int
    row: int


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are not blank, each with its row (from 0, blank lines count), and the place after them."""

    lines: list[str]
    rows: range | list[int]
    end: Place


def blocks(file: BinaryIO, survey: Survey, begin: Place, size: list[int]) -> Iterator[Block]:
    """Read on from a place, about `size[0]` bytes at a time, which may change on the way.

    Of an endless line only MAX_LINE bytes are kept.
    """
    _go(file, begin.offset)
    offset, row, rest, skipped = begin.offset, begin.row, b"", 0
    while True:
        piece = file.read(size[0])
        rest += piece
        cut = rest.rfind(survey.line_end) + 1 if piece else len(rest)
        if cut:
            text = rest[:cut].decode(survey.encoding, errors="replace")
            offset += cut + skipped
            block = _block(text, survey.line_end.decode(), row=row, offset=offset)
            row, rest, skipped = block.end.row, rest[cut:], 0
            yield block
        elif len(rest) > MAX_LINE:
            skipped += len(rest) - MAX_LINE - 1
            rest = rest[: MAX_LINE + 1]
        if not piece:
            return


def _go(file: BinaryIO, offset: int) -> None:
    if file.seekable():
        file.seek(offset)
        return
    while offset and (piece := file.read(min(offset, 1 << 20))):
        offset -= len(piece)


def _block(text: str, line_end: str, *, row: int, offset: int) -> Block:
    if line_end == "\n" and "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    lines = text.removesuffix(line_end).split(line_end)
    rows = range(row, row + len(lines))
    end = Place(offset=offset, row=rows.stop)
    if "" in lines or any(map(str.isspace, lines)):
        filled = [
            (number, line) for number, line in zip(rows, lines, strict=True) if line and not line.isspace()
        ]
        return Block(lines=[line for _, line in filled], rows=[number for number, _ in filled], end=end)
    return Block(lines=lines, rows=rows, end=end)
