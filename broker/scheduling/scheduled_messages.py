"""The messages of one subscription, from their offer to the moment when the scheduler has each ready.

Pure, like all of this package: every method takes `now` in seconds of any clock that never goes back.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from rookery.broker.faults import DeliveryFaults, FaultShares
from rookery.broker.scheduling.ordering import HeldMessage, Holder, OrderingQueue, OrderingQueues
from rookery.broker.scheduling.queue import MessageQueue
from rookery.broker.scheduling.retention import ENOUGH_SCHEDULED, DiskBacklog, Retention

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rookery.broker.scheduling.journal import Journal
    from rookery.broker.scheduling.messages import RestoredMessage, StoredMessage
    from rookery.broker.scheduling.rules import Rules


class ScheduledMessages:
    """Hold messages on disk, waiting in memory or scheduled; the rules may change at any time.

    `journal` records the changes for a store (None: memory only).
    `changed()` is called when there may be something new to take or an earlier time to wake at.
    """

    def __init__(
        self, rules: Rules, *, faults: DeliveryFaults | None = None, journal: Journal | None = None
    ) -> None:
        self.rules = rules
        self.journal = journal
        self.disk = DiskBacklog(journal) if journal is not None else None
        self.changed: Callable[[], None] = lambda: None
        self._faults = faults or DeliveryFaults(FaultShares())
        self._ranks = count(1)
        self._live = 0
        self._queue = MessageQueue()
        self._key_queues = OrderingQueues()
        self._retention = Retention(journal)

    def offer(self, messages: Sequence[StoredMessage], now: float) -> None:
        """Take newly published messages in."""
        if self.disk is not None:
            messages = self.disk.fitting(messages, self._retention)
        self._retention.wait([(message, now, 0) for message in messages])
        self._schedule(now, ENOUGH_SCHEDULED)
        self.changed()

    def load(self, page: list[RestoredMessage], now: float, *, wall: float) -> None:
        """Take in the next messages from disk; `wall` is now in seconds since 1970."""
        # The machine's clock may have been set meanwhile; no message may be older than the one before it.
        latest, waiting = self._retention.latest, []
        for each in page:
            latest = max(latest, min(now, now - wall + each.message.published_at))
            waiting.append((each.message, latest, each.attempts))
        self._retention.wait(waiting)
        self._schedule(now, ENOUGH_SCHEDULED)
        if self.disk is not None:
            self.disk.loaded(page)
        self.changed()

    def unacknowledged(self, since: float) -> list[RestoredMessage]:
        """Give what is held in memory of the messages published at `since`, in seconds since 1970, or later."""
        return self._retention.unacknowledged(since)

    def _schedule(self, now: float, enough: int) -> bool:
        """Schedule messages that wait until enough are ready; says whether any was scheduled."""
        before = self._live
        while self._queue.ready < enough and (following := self._retention.next()) is not None:
            self._hold(*following, now)
        return self._live > before

    def _peek(self, reader: Holder | None, now: float) -> HeldMessage | None:
        """The next message for a reader; those that are ready may all be another one's, and then more are scheduled."""
        while (held := self._queue.peek(reader)) is None:
            if not self._schedule(now, self._queue.ready + 1):
                return None
        return held

    def _hold(self, message: StoredMessage, offered_at: float, attempts: int, now: float) -> None:
        key = message.ordering_key if self.rules.ordered else ""
        queue = self._key_queues.setdefault(key, OrderingQueue(key)) if key else None
        for delay in self._faults.delays(ordered=queue is not None, once=self.rules.exactly_once):
            held = HeldMessage(message, next(self._ranks), offered_at, now + delay, queue, attempts)
            self._live += 1
            self._retention.add(held)
            if queue is None:
                self._put(held, now)
            else:
                queue.held.append(held)
                self._advance(queue, now)

    def _put(self, held: HeldMessage, now: float) -> None:
        self._queue.put(held, now)
        self.changed()

    def _advance(self, queue: OrderingQueue, now: float) -> None:
        """Queue the key's next message, if it is its turn; push sends one message of a key at a time."""
        for held in queue.advance(one_at_a_time=self.rules.push):
            self._put(held, now)

    def _remove(self, held: HeldMessage, now: float) -> None:
        self._live -= 1
        self._retention.remove(held)
        if held.key_queue is not None:
            held.key_queue.remove(held)
            self._settle(held.key_queue, now)

    def _settle(self, queue: OrderingQueue, now: float) -> None:
        """Let go of what is acked, and send on what follows."""
        for held in queue.settle():
            self._retention.remove(held)
        self._advance(queue, now)
        if not queue.held:
            del self._key_queues[queue.key]
