"""Messages held by one subscription, and the queue that keeps the messages of an ordering key in order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.broker.scheduling.messages import StoredMessage


@dataclass(slots=True, eq=False)
class Holder:
    """One reader: a stream with its flow control (at most so many messages and bytes at once; 0: no bound), or a pull.

    `ready` has the next messages of the keys that are bound to this reader, by rank.
    """

    max_messages: int = 0
    max_bytes: int = 0
    messages: int = 0
    bytes: int = 0
    ready: list[tuple[int, int, HeldMessage]] = field(default_factory=list, repr=False)

    def has_capacity(self) -> bool:
        """Whether the next message may go out: the bound on bytes is overstepped by at most one message."""
        return (not self.max_messages or self.messages < self.max_messages) and (
            not self.max_bytes or self.bytes < self.max_bytes
        )


@dataclass(slots=True, eq=False)
class HeldMessage:
    """One copy of a message that one subscription holds until it is acked."""

    message: StoredMessage
    rank: int
    offered_at: float
    not_before: float
    key_queue: OrderingQueue | None = None
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
class OrderingQueue:
    """One key's messages in order: the first `sent` were delivered, the rest wait their turn.

    An acked message stays until those before it are acked, because the failure of one redelivers all after it.
    While something is in flight, the next message goes to `reader` alone, which has what came before it; and to
    no one once a message was `lost`, so that the redelivery begins at the first unacknowledged one.
    """

    key: str
    held: deque[HeldMessage] = field(default_factory=deque)
    sent: int = 0
    in_flight: int = 0
    queued: HeldMessage | None = None
    reader: Holder | None = None
    lost: bool = False

    def next(self, *, one_at_a_time: bool) -> HeldMessage | None:
        """The message to queue now, if any may go."""
        if self.queued is not None or self.sent >= len(self.held):
            return None
        if self.in_flight and (one_at_a_time or self.lost or self.reader is None):
            return None
        return self.held[self.sent]

    def advance(self, *, one_at_a_time: bool) -> Iterator[HeldMessage]:
        """Give the messages to queue now, each of which the caller queues before it asks on."""
        if not self.in_flight and (self.lost or self.reader is not None):
            self.lost = False
            self.reader = None
            if self.queued is not None:
                # Its entry may lie in the heap of the reader that had the key until now, which no other reader checks.
                yield self.queued
        held = self.next(one_at_a_time=one_at_a_time)
        if held is not None:
            yield held

    def settle(self) -> list[HeldMessage]:
        """Let go of the acked messages at the front; gives them."""
        gone = []
        while self.held and self.held[0].acked:
            gone.append(self.held.popleft())
        self.sent -= len(gone)
        return gone

    def rewind(self, first: HeldMessage) -> Iterator[HeldMessage]:
        """Put the cursor back to `first`; gives the delivered messages after it, which are to be sent again."""
        position = self.held.index(first)
        later = list(islice(self.held, position + 1, self.sent))
        self.sent = min(self.sent, position)
        return iter(later)

    def remove(self, held: HeldMessage) -> None:
        """Take one message out for good."""
        if self.held.index(held) < self.sent:
            self.sent -= 1
        self.held.remove(held)

    def clear(self) -> None:
        """Drop every message; the queue and its messages are a reference cycle, which only the collector would free."""
        self.held.clear()
        self.queued = self.reader = None


class OrderingQueues(dict[str, OrderingQueue]):
    """The queues of a subscription, by key."""

    def clear(self) -> None:
        """Drop every message of every key."""
        for queue in self.values():
            queue.clear()
        super().clear()
