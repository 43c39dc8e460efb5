"""Parser of Google's filter grammar (https://cloud.google.com/pubsub/docs/subscription-message-filter).

    filter = term {"AND" term} | term {"OR" term}
    term   = ["NOT" | "-"] term | "(" filter ")" | comparison
    comparison = "attributes" ":" key
               | "attributes" "." key ("=" | "!=") string
               | "hasPrefix" "(" "attributes" "." key "," string ")"
    key    = letters, digits, "-" and "_" | string

AND and OR are not mixed without parentheses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rookery.broker.filters.errors import FilterError
from rookery.broker.filters.expressions import AllOf, AnyOf, Equals, HasKey, HasPrefix, Not
from rookery.broker.filters.literals import read_literal

if TYPE_CHECKING:
    from collections.abc import Collection

    from rookery.broker.filters.expressions import Expression

MOST_BYTES: Final = 256
_SPACE: Final = re.compile(r"[ \t\r\n]+")
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_JOINED: Final[dict[str, type[AllOf | AnyOf]]] = {"AND": AllOf, "OR": AnyOf}


def parse_filter(text: str) -> Expression:
    """Parse a filter; raises FilterError with the place of the first fault."""
    written = text.encode()
    if len(written) > MOST_BYTES:
        place = len(written[:MOST_BYTES].decode(errors="ignore"))
        raise FilterError(place, f"the filter has {len(written)} bytes, at most {MOST_BYTES} are allowed")
    parser = _Parser(text)
    found = parser.expression()
    parser.end()
    return found


class _Parser:
    """Read one text from left to right. Its bound of bytes bounds the recursion: two calls a parenthesis."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def expression(self) -> Expression:
        terms, operator = [self._term()], ""
        while (following := self._name(_JOINED)) is not None:
            if operator and following != operator:
                raise FilterError(
                    self._place - len(following), "AND and OR cannot be mixed without parentheses"
                )
            operator = following
            terms.append(self._term())
        return _JOINED[operator](tuple(terms)) if operator else terms[0]

    def end(self) -> None:
        self._skip_space()
        if self._place < len(self._text):
            raise self._expected("AND, OR or the end of the filter")

    def _term(self) -> Expression:
        negations = 0
        while self._takes("-") or self._name({"NOT"}) is not None:
            negations += 1
        found = self._parenthesis() if self._takes("(") else self._comparison()
        return Not(found) if negations % 2 else found

    def _parenthesis(self) -> Expression:
        found = self.expression()
        self._take(")", "AND, OR or )")
        return found

    def _comparison(self) -> Expression:
        function = self._name({"attributes", "hasPrefix"})
        if function is None:
            raise self._expected("attributes, hasPrefix, NOT, - or (")
        if function == "hasPrefix":
            return self._has_prefix()
        if self._takes(":"):
            return HasKey(self._key())
        self._take(".", ": or .")
        return self._equality(self._key())

    def _equality(self, key: str) -> Expression:
        if self._takes("!="):
            return Not(Equals(key, self._string()))
        self._take("=", "= or !=")
        return Equals(key, self._string())

    def _has_prefix(self) -> Expression:
        self._take("(")
        if self._name({"attributes"}) is None:
            raise self._expected("attributes")
        self._take(".")
        key = self._key()
        self._take(",")
        prefix = self._string()
        self._take(")")
        return HasPrefix(key, prefix)

    def _key(self) -> str:
        self._skip_space()
        key = _KEY.match(self._text, self._place)
        if key is None:
            return self._string("a key")
        self._place = key.end()
        return key[0]

    def _string(self, needed: str = "a string in double quotes") -> str:
        self._skip_space()
        if not self._text.startswith('"', self._place):
            raise self._expected(needed)
        value, self._place = read_literal(self._text, self._place)
        return value

    def _name(self, names: Collection[str]) -> str | None:
        """Take the next word where it is one of these."""
        self._skip_space()
        name = _NAME.match(self._text, self._place)
        if name is None or name[0] not in names:
            return None
        self._place = name.end()
        return name[0]

    def _take(self, sign: str, needed: str = "") -> None:
        if not self._takes(sign):
            raise self._expected(needed or sign)

    def _takes(self, sign: str) -> bool:
        self._skip_space()
        found = self._text.startswith(sign, self._place)
        self._place += len(sign) * found
        return found

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self._place)
        if space is not None:
            self._place = space.end()

    def _expected(self, needed: str) -> FilterError:
        self._skip_space()
        rest = self._text[self._place :]
        # Not split(), which takes more for space than the grammar does.
        found = repr(_SPACE.split(rest, maxsplit=1)[0][:20]) if rest else "the end"
        return FilterError(self._place, f"needed is {needed}, found {found}")
