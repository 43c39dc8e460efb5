"""All messages that a subscription holds: those in memory, oldest first, and those that are on disk alone."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from rookery.broker.scheduling.messages import RestoredMessage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rookery.broker.scheduling.journal import Journal
    from rookery.broker.scheduling.messages import StoredMessage
    from rookery.broker.scheduling.ordering import HeldMessage

MOST_MESSAGES: Final = 100_000
"""Messages that a subscription with a store holds in memory, about 1 kB each beside their data."""
MOST_BYTES: Final = 64_000_000
"""Bytes of data and attributes that it holds in memory."""
ENOUGH_SCHEDULED: Final = 2_000
"""Messages that are ready, beyond which later ones wait: more than one pull or push window takes."""
ENOUGH_READY: Final = 10_000
"""Messages ready for delivery below which the next page is read."""


WaitingMessage: TypeAlias = "tuple[StoredMessage, float, int]"
"""A message, when it was offered in seconds of the caller's clock, and how many times it was delivered before."""


class Retention:
    """Keep the held messages in view; O(1) each, which a plain dictionary is not once its first ones were removed.

    The youngest ones `wait` as they are until the scheduler asks for the `next`: a backlog costs little before its turn.
    `journal` records each message that leaves (None: memory only); with one, `bytes` counts data and attributes, and
    `latest` is when the youngest message was offered.
    No message is older than `since`, in seconds of the caller's clock: until that one is outdated, no check is needed.
    """

    __slots__ = ("_held", "_journal", "_waiting", "bytes", "latest", "since")

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._held: OrderedDict[int, HeldMessage] = OrderedDict()
        self._waiting: deque[WaitingMessage] = deque()
        self.since = float("inf")
        self.latest = float("-inf")
        self.bytes = 0

    @property
    def messages(self) -> int:
        """How many messages are held in memory."""
        return len(self._held) + len(self._waiting)

    @property
    def waiting(self) -> int:
        """How many messages wait to be scheduled."""
        return len(self._waiting)

    def wait(self, messages: Sequence[WaitingMessage]) -> None:
        """Take messages in that wait behind all others; none may be older than those that are here."""
        self._waiting.extend(messages)
        if self._journal is not None and messages:
            self.latest = messages[-1][1]
            self.bytes += sum([message.size for message, _, _ in messages])

    def next(self) -> WaitingMessage | None:
        """Let go of the first message that waits; gives it."""
        if not self._waiting:
            return None
        first = self._waiting.popleft()
        if self._journal is not None:
            self.bytes -= first[0].size
        return first

    def add(self, held: HeldMessage) -> None:
        """Take a message in that is scheduled; none may be older than those that are here."""
        if not self._held:
            self.since = held.offered_at
        self._held[held.rank] = held
        if self._journal is not None:
            self.bytes += held.message.size

    def remove(self, held: HeldMessage) -> None:
        """Forget a message that is acked or gone."""
        if self._held.pop(held.rank, None) is not None and self._journal is not None:
            self.bytes -= held.message.size
            self._journal.removed(held.message)

    def unacknowledged(self, since: float) -> list[RestoredMessage]:
        """Give each message that was published at `since`, in seconds since 1970, or later and is not acknowledged."""
        held = [
            RestoredMessage(each.message, each.attempts) for each in self._held.values() if not each.acked
        ]
        held += [RestoredMessage(message, attempts) for message, _, attempts in self._waiting]
        return [each for each in held if each.message.published_at >= since]

    def clear(self) -> list[HeldMessage]:
        """Let go of everything, unrecorded; gives it."""
        held = list(self._held.values())
        self._held.clear()
        self._waiting.clear()
        self.since, self.latest, self.bytes = float("inf"), float("-inf"), 0
        return held

    def outdated(self, now: float, seconds: float) -> Iterator[HeldMessage]:
        """Give each message that was kept for `seconds`, oldest first; the caller removes it before the next one."""
        while self._held:
            oldest = next(iter(self._held.values()))
            self.since = oldest.offered_at
            if now < self.since + seconds:
                return
            yield oldest
        self.since = float("inf")


@dataclass(slots=True)
class DiskBacklog:
    """Count what is left on disk, and ask for the next page when few messages are ready.

    All messages are offered in the order of their ids: what is on disk alone begins behind the id `after`.
    """

    journal: Journal
    count: int = 0
    after: int = 0
    asked: bool = False

    def fitting(self, messages: Sequence[StoredMessage], memory: Retention) -> Sequence[StoredMessage]:
        """Give the first messages, as many as memory takes; the others stay on disk alone, as all do once some are there."""
        fit = 0 if self.count or self._full(memory) else MOST_MESSAGES - memory.messages
        if fit < len(messages):
            if not self.count:
                self.after = int(messages[fit].message_id) - 1
            self.count += len(messages) - fit
        return messages[:fit]

    def refill(self, ready: int, memory: Retention) -> None:
        """Ask for the next page, where one is due."""
        ready += memory.waiting
        if self.count and not self.asked and ready < ENOUGH_READY and not self._full(memory):
            self.asked = True
            self.journal.wanted(self.after)

    def loaded(self, page: list[RestoredMessage]) -> None:
        """Note that a page is in memory."""
        self.asked = False
        self.count -= len(page)
        if page:
            self.after = int(page[-1].message.message_id)

    @staticmethod
    def _full(memory: Retention) -> bool:
        return memory.messages >= MOST_MESSAGES or memory.bytes >= MOST_BYTES
