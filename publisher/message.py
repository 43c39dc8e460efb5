"""OutgoingMessage: a payload and its attributes, checked before it can harm those that travel with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.publisher.errors import BadMessageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_PAYLOAD: Final = 9_000_000
"""Bytes of one payload; Pub/Sub's request of 10,000,000 also holds the attributes and the topic's name."""

MAX_ATTRIBUTES: Final = 100
MAX_NAME: Final = 256
MAX_VALUE: Final = 1_024

_TAKEN: Final = frozenset({"self", "topic", "data", "ordering_key", "retry", "timeout"})
"""Names that Google's client keeps for itself in `publish(**attributes)`."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """The unit that a transport sends: payload and attributes."""

    payload: bytes
    attributes: Mapping[str, str]

    def check(self) -> None:
        """Raise BadMessageError with every rule that the message breaks.

        One bad message costs its whole publish request, its neighbours too: so it is stopped here.
        """
        rules = list(self._broken())
        if rules:
            raise BadMessageError(*rules)

    def _broken(self) -> Iterator[str]:
        if len(self.payload) > MAX_PAYLOAD:
            yield f"a payload of at most {MAX_PAYLOAD} bytes is needed, this one has {len(self.payload)}"
        if not self.payload and not self.attributes:
            yield "a payload or an attribute is needed"
        if len(self.attributes) > MAX_ATTRIBUTES:
            yield f"at most {MAX_ATTRIBUTES} attributes are possible, these are {len(self.attributes)}"
        for name, value in self.attributes.items():
            yield from _broken_attribute(name, value)


def _broken_attribute(name: str, value: object) -> Iterator[str]:
    if not name or len(name.encode()) > MAX_NAME or name.startswith("goog"):
        yield f"attribute {name[:40]!r}: a name of 1 to {MAX_NAME} bytes that does not start with goog is needed"
    if name in _TAKEN:
        yield f"attribute {name!r}: Google's client keeps this name for itself"
    if not isinstance(value, str):
        yield f"attribute {name[:40]!r}: text is needed"
    elif len(value.encode()) > MAX_VALUE:
        yield f"attribute {name[:40]!r}: a value of at most {MAX_VALUE} bytes is needed"
