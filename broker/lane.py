"""A message on its way through one subscription, and the lane that keeps the messages of a key in order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from broker.messages import Message


@dataclass(slots=True, eq=False)
class Holder:
    """One stream's flow control: at most so many messages and bytes outstanding at once (0: no bound)."""

    max_messages: int = 0
    max_bytes: int = 0
    messages: int = 0
    bytes: int = 0

    def has_room(self) -> bool:
        """Whether the next message may go out: the bound on bytes is overstepped by at most one message."""
        return (not self.max_messages or self.messages < self.max_messages) and (
            not self.max_bytes or self.bytes < self.max_bytes
        )


@dataclass(slots=True, eq=False)
class Held:
    """One copy of a message that one subscription holds until it is acked."""

    message: Message
    rank: int
    offered_at: float
    not_before: float
    lane: Lane | None = None
    attempts: int = 0
    entry: int = 0
    """Number of its valid entry in the queues; 0: it has none."""
    ack_id: str | None = None
    lease: int = 0
    """Number of its valid entry among the deadlines."""
    sent_at: float = 0.0
    expires_at: float = 0.0
    holder: Holder | None = None
    acked: bool = False


@dataclass(slots=True, eq=False)
class Lane:
    """One key's messages in order: the first `sent` were delivered, the rest wait their turn.

    An acked message stays until those before it are acked, because the failure of one redelivers all after it.
    """

    key: str
    held: deque[Held] = field(default_factory=deque)
    sent: int = 0
    in_flight: int = 0
    queued: Held | None = None

    def next(self, *, one_at_a_time: bool) -> Held | None:
        """The message to queue now, if any may go."""
        if self.queued is not None or self.sent >= len(self.held) or (one_at_a_time and self.in_flight):
            return None
        return self.held[self.sent]

    def settle(self) -> None:
        """Let go of the acked messages at the front."""
        while self.held and self.held[0].acked:
            self.held.popleft()
            self.sent -= 1

    def rewind(self, first: Held) -> Iterator[Held]:
        """Put the cursor back to `first`; gives the delivered messages after it, which are to be sent again."""
        position = self.held.index(first)
        later = list(islice(self.held, position + 1, self.sent))
        self.sent = min(self.sent, position)
        return iter(later)

    def remove(self, held: Held) -> None:
        """Take one message out for good."""
        if self.held.index(held) < self.sent:
            self.sent -= 1
        self.held.remove(held)
