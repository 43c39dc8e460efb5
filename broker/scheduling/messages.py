"""Messages of the broker: a draft becomes a stored message, a stored message becomes deliveries.

Drafts and messages are tuples, made many at a time by the interpreter's own loops: that of a class in Python is a call for
each, and a publish request has a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, repeat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class MessageDraft(NamedTuple):
    """A message as the publisher sent it."""

    data: bytes = b""
    attributes: Mapping[str, str] | None = None
    ordering_key: str = ""


class StoredMessage(NamedTuple):
    """A published message; `published_at` in seconds since 1970, UTC."""

    message_id: str
    data: bytes
    attributes: Mapping[str, str] | None
    ordering_key: str
    published_at: float

    @property
    def size(self) -> int:
        """Bytes of payload and attributes, as a subscriber's flow control counts them."""
        if not self.attributes:
            return len(self.data)
        return len(self.data) + sum(len(name) + len(value) for name, value in self.attributes.items())


def drafted(fields: Iterable[tuple[bytes, Mapping[str, str] | None, str]]) -> list[MessageDraft]:
    """Make a draft of each data, attributes and ordering key."""
    return list(map(tuple.__new__, repeat(MessageDraft), fields))


def stored(ids: Iterable[int], drafts: Sequence[MessageDraft], published_at: float) -> list[StoredMessage]:
    """Make a message of each draft."""
    taken = map(str, islice(ids, len(drafts)))
    columns = zip(taken, *zip(*drafts, strict=True), repeat(published_at), strict=False)
    return list(map(tuple.__new__, repeat(StoredMessage), columns))


@dataclass(frozen=True, slots=True)
class RestoredMessage:
    """A message that a subscription held before, and how many times it was delivered."""

    message: StoredMessage
    attempts: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to hand one message over; `attempt` counts from 1."""

    ack_id: str
    message: StoredMessage
    attempt: int
