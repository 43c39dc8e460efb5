"""Messages of the broker: a draft becomes a stored message, a stored message becomes deliveries.

Nothing changes a draft or a message once it is made. Frozen classes would say so, and take three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class MessageDraft:
    """A message as the publisher sent it."""

    data: bytes = b""
    attributes: Mapping[str, str] | None = None
    ordering_key: str = ""


@dataclass(slots=True)
class StoredMessage:
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
