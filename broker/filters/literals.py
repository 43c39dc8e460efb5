"""String literals of a filter: double quotes, with the escape sequences that Google documents."""

from __future__ import annotations

import re
from typing import Final

from rookery.broker.filters.errors import FilterError

_LETTERS: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "`": "`",
    "?": "?",
}
_CODES: Final = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-3][0-7]{2})", re.ASCII)
"""Hexadecimal, Unicode of 16 and 32 bits, octal."""
_LAST_CHARACTER: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


def read_literal(text: str, start: int) -> tuple[str, int]:
    """Read the literal whose opening quote stands at `start`; gives its value and the place behind it.

    Raises FilterError.
    """
    found: list[str] = []
    place = start + 1
    while place < len(text):
        letter = text[place]
        if letter == '"':
            return "".join(found), place + 1
        if letter == "\\":
            value, place = _escape(text, place)
            found.append(value)
        elif letter.isprintable():
            found.append(letter)
            place += 1
        else:
            raise FilterError(place, "a character that cannot be printed needs an escape sequence")
    raise FilterError(start, 'the string that begins here has no closing "')


def _escape(text: str, place: int) -> tuple[str, int]:
    """Read the escape sequence whose backslash stands at `place`."""
    following = text[place + 1 : place + 2]
    if following in _LETTERS:
        return _LETTERS[following], place + 2
    code = _CODES.match(text, place + 1)
    if code is None:
        raise FilterError(place, f"\\{following} is no escape sequence")
    hexadecimal = code[1] or code[2] or code[3]
    number = int(hexadecimal, 16) if hexadecimal else int(code[4], 8)
    if number > _LAST_CHARACTER or number in _SURROGATES:
        raise FilterError(place, f"\\{code[0]} is no character")
    return chr(number), code.end()
