"""JsonArray: the elements of a stream that is one JSON array, each as its text, in bounded memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TextIO

from rookery.publisher.files.stream.lines import SPACE, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE: Final = 65_536
# Only where an element ends is asked: an integer of any length will do.
_DECODER: Final = json.JSONDecoder(parse_int=float)


def is_line(text: str) -> bool:
    """Whether an array is a line of its own, of values that are no readings, among others: not the whole stream."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(value) and not any(isinstance(each, dict) for each in value)


class BrokenArrayError(ValueError):
    """The text is no array from `line` on; every element before was given."""

    def __init__(self, line: int, rule: str) -> None:
        super().__init__(rule)
        self.line = line


class JsonArray:
    """Reads a stream on `after` the bracket and what was read with it."""

    def __init__(self, stream: TextIO, *, after: Line, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._line = after.number
        self._text = after.text
        self._at = 1

    def elements(self) -> Iterator[Line]:
        """Give each element's text, with the line that it begins in.

        Raises BrokenArrayError, also where an element has more characters than the limit.
        """
        mark = self._next()
        while mark != "]":
            end = self._end()
            yield Line(number=self._line, text=self._text[self._at : end])
            self._move(end)
            if (mark := self._next()) == ",":
                self._move(self._at + 1)
            elif mark != "]":
                raise BrokenArrayError(self._line, "a comma or the end of the array is needed")
        self._move(self._at + 1)
        if self._next():
            raise BrokenArrayError(self._line, "nothing may follow the array")

    def _next(self) -> str:
        """The next character that is no space; nothing at the end of the stream."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in SPACE:
                self._move(self._at + 1)
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _end(self) -> int:
        """Where the element ends that begins here."""
        self._next()
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                # Perhaps it only is not here whole.
                if len(self._text) - self._at > self._limit or not self._more():
                    raise BrokenArrayError(self._line, f"JSON is needed: {error}") from None
            else:
                # A number may go on where the text ends.
                if end < len(self._text) or not self._more():
                    return end

    def _more(self) -> bool:
        """Read on, as much again as there is: each character is read a few times at most."""
        rest = self._text[self._at :]
        piece = self._stream.read(max(_PIECE, len(rest)))
        self._text, self._at = rest + piece, 0
        return bool(piece)

    def _move(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to
