"""Messages of a topic that are kept after they were acknowledged, so that a subscription can seek back to them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.broker.scheduling.messages import StoredMessage

MOST_BYTES: Final = 256_000_000
"""Data and attributes that a topic keeps in memory; beyond it the oldest messages go before their time."""


class TopicLog(Protocol):
    """Keep each message for `seconds` after its publishing (0: not at all)."""

    seconds: float

    def turn(self, seconds: float) -> None:
        """Keep messages for another time from now on; 0 drops them."""
        ...

    def keep(self, messages: Sequence[StoredMessage]) -> None:
        """Take newly published messages in, in the order of their ids."""
        ...


class MemoryLog:
    """A log in memory, bounded in bytes."""

    def __init__(self, _topic: str = "") -> None:
        self.seconds = 0.0
        self._kept: deque[StoredMessage] = deque()
        self._bytes = 0

    def turn(self, seconds: float) -> None:
        """Keep messages for another time from now on; 0 drops them."""
        self.seconds = seconds
        if not seconds:
            self._kept.clear()
            self._bytes = 0

    def keep(self, messages: Sequence[StoredMessage]) -> None:
        """Take newly published messages in; outdated ones go."""
        if not self.seconds or not messages:
            return
        self._kept.extend(messages)
        self._bytes += sum(message.size for message in messages)
        oldest = messages[-1].published_at - self.seconds
        while self._kept and (self._kept[0].published_at < oldest or self._bytes > MOST_BYTES):
            self._bytes -= self._kept.popleft().size

    def since(self, published_at: float) -> list[StoredMessage]:
        """Give what was published at a time, in seconds since 1970, or later."""
        return [message for message in self._kept if message.published_at >= published_at]
