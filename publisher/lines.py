"""Lines of a text stream, numbered, none of them longer than memory allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; `whole` is False where it was cut at the limit."""

    number: int
    text: str
    whole: bool = True


def lines(stream: TextIO, limit: int) -> Iterator[Line]:
    """Yield the lines that are not blank, numbered from 1; one of more than `limit` characters comes cut."""
    number = 0
    while piece := stream.readline(limit + 1):
        number += 1
        whole = piece.endswith("\n") or len(piece) <= limit
        if not whole:
            _skip_rest(stream, limit)
        text = piece.rstrip("\r\n")
        if text.strip():
            yield Line(number=number, text=text[:limit], whole=whole)


def _skip_rest(stream: TextIO, limit: int) -> None:
    while (piece := stream.readline(limit)) and not piece.endswith("\n"):
        pass
