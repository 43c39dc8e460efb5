"""One subscription as a pure state machine: which message goes out now, and when to look again.

No clock, no I/O: every method takes `now` in seconds of any clock that never goes back.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from rookery.broker.scheduling.backoff import PushBackoff
from rookery.broker.scheduling.counters import Counters, SubscriptionStats
from rookery.broker.scheduling.leases import Leases
from rookery.broker.scheduling.messages import Delivery
from rookery.broker.scheduling.ordering import Holder
from rookery.broker.scheduling.push_window import PushWindow
from rookery.broker.scheduling.queue import MessageQueue
from rookery.broker.scheduling.retention import ENOUGH_SCHEDULED, DiskBacklog
from rookery.broker.scheduling.scheduled_messages import ScheduledMessages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rookery.broker.faults import DeliveryFaults
    from rookery.broker.scheduling.journal import Journal
    from rookery.broker.scheduling.messages import StoredMessage
    from rookery.broker.scheduling.ordering import HeldMessage
    from rookery.broker.scheduling.rules import Rules


class Subscription(ScheduledMessages):
    """Hold every message until it is acked; hand out what the rules, the window and the backoff allow.

    `most_pushes` bounds the push window beyond production's rules (None: no such bound).
    `dead_letter(message, attempts, now)` takes a message to its dead-letter topic and says whether it could.
    """

    def __init__(  # noqa: PLR0913  a composition root's choices, all but one by keyword
        self,
        rules: Rules,
        *,
        faults: DeliveryFaults | None = None,
        most_pushes: int | None = None,
        serial: Iterator[int] | None = None,
        dead_letter: Callable[[StoredMessage, int, float], bool] = lambda *_: False,
        journal: Journal | None = None,
    ) -> None:
        super().__init__(rules, faults=faults, journal=journal)
        self.window = PushWindow(most_pushes)
        self.backoff = PushBackoff()
        self._dead_letter = dead_letter
        self._counters = Counters()
        self.leases = Leases(serial or count(1))

    @property
    def outstanding(self) -> int:
        """How many deliveries are neither acked nor failed yet."""
        return len(self.leases)

    @property
    def backlog(self) -> int:
        """How many messages are held and not outstanding."""
        on_disk = self.disk.count if self.disk is not None else 0
        return self._live - len(self.leases) + self._retention.waiting + on_disk

    def offer(self, messages: Sequence[StoredMessage], now: float) -> None:
        """Take newly published messages in."""
        self._counters.published += len(messages)
        super().offer(messages, now)

    def take(
        self,
        now: float,
        limit: int | None = None,
        *,
        max_bytes: int = 0,
        holder: Holder | None = None,
        deadline: float | None = None,
    ) -> list[Delivery]:
        """Hand out what may go now, oldest first; `limit` and `max_bytes` bound it (at least one message fits).

        `holder` is the stream that takes; without one each call is a reader of its own, to which later calls
        bring nothing of a key until all that this one took of it has ended.
        `deadline` is the seconds until these deliveries expire, where not the subscription's.
        """
        self.tick(now)
        reader = holder or (Holder() if self.rules.ordered and not self.rules.push else None)
        capacity = self._capacity(now) if limit is None else min(limit, self._capacity(now))
        taken: list[Delivery] = []
        size = 0
        while (
            len(taken) < capacity
            and (holder is None or holder.has_capacity())
            and (held := self._peek(reader, now)) is not None
        ):
            if max_bytes:
                size += held.message.size
                if taken and size > max_bytes:
                    break
            taken.append(self._send(held, now, now + (deadline or self.rules.ack_deadline), holder, reader))
        return taken

    def ack(self, ack_id: str, now: float) -> bool:
        """End a delivery well; False where it had ended already."""
        if (held := self.leases.end(ack_id)) is None:
            return False
        self._counters.acked += 1
        self._counters.latency.add(now - held.sent_at)
        if self.rules.push:
            self.window.acked(held.sent_at, now, outstanding=len(self.leases) + 1)
            self.backoff.acked(held.sent_at)
        if not self.rules.exactly_once and self._faults.loses_ack():
            self._counters.lost_acks += 1
            self._requeue(held, held.expires_at, now)
        else:
            self._counters.age.add(now - held.offered_at)
            self._finish(held, now)
        return True

    def nack(self, ack_id: str, now: float) -> bool:
        """End a delivery badly; False where it had ended already."""
        if (held := self.leases.end(ack_id)) is None:
            return False
        self._counters.nacked += 1
        self._fail(held, now)
        return True

    def extend(self, ack_id: str, seconds: float, now: float) -> bool:
        """Let a delivery last `seconds` from now (0: nack); False where it had ended already."""
        return self.leases.extend(ack_id, now + seconds) if seconds > 0 else self.nack(ack_id, now)

    def give_back(self, ack_id: str, now: float) -> None:
        """Undo a delivery that never left the broker: no attempt, no failure."""
        if (held := self.leases.end(ack_id)) is not None:
            self._count_attempt(held, -1)
            self._requeue(held, now, now)

    def tick(self, now: float) -> None:
        """Let time pass: the outdated go, what was waiting becomes ready, what was not acked in time fails."""
        while now >= self._retention.since + self.rules.retention:
            self._drop_outdated(now)
            self._schedule(now, ENOUGH_SCHEDULED)
        self._queue.promote(now)
        while (held := self.leases.expire(now)) is not None:
            self._counters.expired += 1
            self._fail(held, now)
        self._schedule(now, ENOUGH_SCHEDULED)
        if self.disk is not None:
            self.disk.refill(self._queue.ready, self._retention)

    def _drop_outdated(self, now: float) -> None:
        for outdated in self._retention.outdated(now, self.rules.retention):
            self._counters.dropped += 1
            self.leases.end(outdated.ack_id)
            self._queue.cancel(outdated)
            # Its queue entry goes as well: no later call may ever check that heap.
            self._queue.peek()
            self._remove(outdated, now)

    def wake_at(self, now: float) -> float | None:
        """When to tick or take next, if nothing else happens before; None: never (but see `outdated_at`)."""
        times = [self._queue.next_at, self.leases.next_at]
        if self.rules.push and now < self.backoff.until and self._queue.peek():
            times.append(self.backoff.until)
        return min((time for time in times if time is not None), default=None)

    def outdated_at(self) -> float | None:
        """When to tick at the latest, so that messages without a reader are dropped at their retention; None: never."""
        return self._retention.since + self.rules.retention if self._live else None

    def clear(self) -> None:
        """Drop every message at once, unrecorded; later calls find their deliveries ended."""
        for held in self._retention.clear():
            self.leases.end(held.ack_id)
            self._queue.cancel(held)
        self._key_queues.clear()
        self._queue = MessageQueue()
        self._live = 0
        self.disk = DiskBacklog(self.journal) if self.journal is not None else None

    def standing(self) -> SubscriptionStats:
        """Say how things stand."""
        push: tuple[int | None, float | None]
        push = (self.window.size, self.backoff.delay) if self.rules.push else (None, None)
        return self._counters.standing(self.outstanding, self.backlog, *push)

    def _capacity(self, now: float) -> int:
        if self.rules.push:
            return 0 if now < self.backoff.until else self.window.size - len(self.leases)
        return self._live + self._retention.waiting

    def _send(
        self, held: HeldMessage, now: float, expires_at: float, holder: Holder | None, reader: Holder | None
    ) -> Delivery:
        self._queue.cancel(held)
        self._count_attempt(held, 1)
        held.sent_at = now
        ack_id = self.leases.open(held, expires_at, holder)
        if held.key_queue is not None:
            held.key_queue.sent += 1
            held.key_queue.in_flight += 1
            held.key_queue.reader = reader
            self._advance(held.key_queue, now)
        return Delivery(ack_id, held.message, held.attempts)

    def _count_attempt(self, held: HeldMessage, change: int) -> None:
        held.attempts += change
        self._counters.delivered += change
        if self.journal is not None:
            self.journal.attempted(held.message, held.attempts)

    def _fail(self, held: HeldMessage, now: float) -> None:
        """Retry later, or give up where a dead-letter topic takes the message."""
        if self.rules.push:
            self.window.failed(held.sent_at, now)
            self.backoff.failed(held.sent_at, now)
        if self.rules.gives_up(held.attempts) and self._dead_letter(held.message, held.attempts, now):
            self._counters.dead_lettered += 1
            self._remove(held, now)
        else:
            self._requeue(held, now + self.rules.retry_delay(held.attempts), now)

    def _requeue(self, held: HeldMessage, due: float, now: float) -> None:
        """Send again at `due`; with a key, all that went out after it as well, once all before it has ended."""
        held.not_before = due
        if (queue := held.key_queue) is None:
            self._put(held, now)
            return
        for later in queue.rewind(held):
            self.leases.end(later.ack_id)
            self._live += later.acked
            later.acked = False
        if queue.queued is not None:
            self._queue.cancel(queue.queued)
        queue.lost = True
        self._advance(queue, now)

    def _finish(self, held: HeldMessage, now: float) -> None:
        """Forget an acked message; one of a key waits for those before it."""
        self._live -= 1
        if held.key_queue is None:
            self._retention.remove(held)
        else:
            held.acked = True
            self._settle(held.key_queue, now)
