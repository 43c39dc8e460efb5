"""Lines of a text stream, numbered, none of them longer than memory allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE: Final = " \t\r\n"
_BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; `whole` is False where it was cut at the limit."""

    number: int
    text: str
    whole: bool = True


def begin(stream: TextIO) -> Line:
    """Read the first character that is no space and no byte order mark; of an empty stream nothing."""
    number = 1
    while (character := stream.read(1)) and (character in SPACE or character == _BYTE_ORDER_MARK):
        number += character == "\n"
    return Line(number=number, text=character)


def lines(stream: TextIO, limit: int, after: Line) -> Iterator[Line]:
    """Yield the lines that are not blank, `after` what was read of the first one; one over the limit comes cut."""
    number, begun = after.number, after.text
    while piece := begun if begun.endswith("\n") else begun + stream.readline(limit + 1 - len(begun)):
        whole = piece.endswith("\n") or len(piece) <= limit
        if not whole:
            _skip_rest(stream, limit)
        text = piece.rstrip("\r\n")
        if text.strip():
            yield Line(number=number, text=text[:limit], whole=whole)
        number, begun = number + 1, ""


def _skip_rest(stream: TextIO, limit: int) -> None:
    while (piece := stream.readline(limit)) and not piece.endswith("\n"):
        pass
