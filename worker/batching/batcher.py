"""Batcher: group commit. While one batch runs, the next one fills; it starts the moment the first one ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from msgspec import Struct

from rookery.worker.batching.ticket import UNANSWERED, Ticket
from rookery.worker.errors import DeadlineError, DefectError, DrainingError, QueueFullError, RetryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

log: Final = logging.getLogger(__name__)

Item = TypeVar("Item")
Done = TypeVar("Done")


GATHER_SECONDS: Final = 0.002
"""How long a batch may fill while the turns of the loop go on bringing more."""

QUIET_TURNS: Final = 2
"""Turns without anything new that end the filling; in between, requests that a turn read are decoded."""

_PACE_WEIGHT: Final = 0.3
"""How much the last batch says of the pace of the next one."""


class QueueLimits(Struct, frozen=True, kw_only=True):
    """How much may be in one batch, how much inside in all, and for how long.

    With `halved_from`, a batch of more rows than that is at most half of what is inside.
    """

    batch_rows: int
    queue_rows: int
    queue_bytes: int
    deadline_seconds: float = 60.0
    halved_from: int | None = None


class Batcher(Generic[Item]):
    """Runs what waits as one batch; knows no HTTP, no model and no cloud.

    `run` answers the tickets of one batch; those that it leaves unanswered are nacked. An awaitable that it returns is
    the rest of the batch, which the next batch does not wait for. `ended` is called once with the tickets of a batch
    when all are answered. A ticket that cannot be answered within the deadline is refused: the slower the batches, the
    shorter the queue.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Ticket[Item]]], Awaitable[Awaitable[None] | None]],
        *,
        bounds: QueueLimits,
        ended: Callable[[Sequence[Ticket[Item]]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store what to run and how much of it."""
        self._run = run
        self._ended = ended
        self._bounds = bounds
        self._clock = clock
        self._pace = 0.0
        self._lag = 0.0
        self._at_ease_until = 0.0
        self._began: float | None = None
        self._waiting_rows = 0
        self._waiting: deque[Ticket[Item]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._finishing: dict[asyncio.Task[None], float] = {}
        self.rows = 0
        """Readings that wait or are in flight."""
        self.size = 0
        """Bytes that wait or are in flight."""
        self._draining = False

    def submit(self, item: Item, rows: int, size: int, bound: bool = False) -> Ticket[Item]:  # noqa: FBT001, FBT002  placed, as for a ticket
        """Take an item into the next batch; raises QueueFullError, Late or DrainingError. Alone it is taken, however large or slow."""
        if self._draining:
            raise DrainingError("the worker is draining")
        if self.rows and self._too_much(rows, size):
            raise QueueFullError(f"{self.rows} readings and {self.size} bytes are waiting already")
        now = self._clock()
        if self.rows:
            self._hold_deadline(rows, now)
        ticket = Ticket(item, rows, size, now, bound)
        self._take_in((ticket,), rows, size)
        return ticket

    def submit_all(self, items: Sequence[Item], sizes: Sequence[int]) -> list[Ticket[Item]]:
        """Take `bound` items of one reading each that came together; takes none where `submit` would not take each."""
        rows, size = len(items), sum(sizes)
        if self._draining or self._too_much(rows, size):
            return []
        now = self._clock()
        try:
            self._hold_deadline(rows, now)
        except DeadlineError:
            return []
        tickets = [Ticket(item, 1, size, now, True) for item, size in zip(items, sizes, strict=True)]
        self._take_in(tickets, rows, size)
        return tickets

    def _too_much(self, rows: int, size: int) -> bool:
        """Whether so much more would be beyond what may be inside."""
        bounds = self._bounds
        return self.rows + rows > bounds.queue_rows or self.size + size > bounds.queue_bytes

    def _most_rows(self) -> int:
        """Most rows of the next batch: where it may be halved, a CPU works on one half while the other becomes durable."""
        most, least = self._bounds.batch_rows, self._bounds.halved_from
        return most if least is None else min(most, max(least, self.rows // 2))

    def _take_in(self, tickets: Sequence[Ticket[Item]], rows: int, size: int) -> None:
        self.rows += rows
        self.size += size
        self._waiting_rows += rows
        self._waiting.extend(tickets)
        if self._running is None:
            # The task starts after this turn of the loop, so that all that arrived in it goes together.
            self._running = asyncio.create_task(self._work(), name="batcher")

    def refuse(self) -> None:
        """Take nothing new from now on."""
        self._draining = True

    async def drain(self) -> None:
        """Take nothing new; return when all that was taken is answered."""
        self.refuse()
        if self._running is not None:
            await self._running
        if self._finishing:
            await asyncio.wait(self._finishing)

    def _hold_deadline(self, rows: int, now: float) -> None:
        """Raise Late where an item that came now would be answered too late; else say for how long none will be."""
        if now <= self._at_ease_until and self._waiting_rows + rows <= self._most_rows():
            return
        deadline = self._bounds.deadline_seconds
        if (expected := self._expected(rows, now)) > deadline:
            raise DeadlineError(f"an answer would take about {expected:.1f} s, longer than the ack deadline")
        # As long as all that waits is one batch, so short a time adds far less to this than what is left.
        if expected < deadline / 4:
            self._at_ease_until = now + deadline / 100

    def _expected(self, rows: int, now: float) -> float:
        """Seconds until an item that came now is answered: the batches before it and its own, at the present pace."""
        pace, began = self._pace, self._began
        batches = -(-(self._waiting_rows + rows) // self._most_rows())
        if began is not None:
            pace, batches = max(pace, now - began), batches + 1
        return pace * batches + (self._behind(now) if self._finishing else self._lag)

    def _behind(self, now: float) -> float:
        """Seconds that the rest of a batch takes, at the present pace; one that hangs counts before it ends."""
        return max(self._lag, now - next(iter(self._finishing.values()))) if self._finishing else self._lag

    async def _work(self) -> None:
        """Run batch after batch until nothing waits."""
        try:
            while self._waiting:
                await self._fill()
                await self._timed(self._take())
        finally:
            self._running = None

    async def _fill(self) -> None:
        """Let more arrive as long as turns of the loop bring some: senders that were answered together push again together.

        Nothing is waited for: two turns that bring nothing end it, after a few microseconds where no other request arrives.
        """
        until = self._clock() + GATHER_SECONDS
        waiting, quiet = 0, 0
        while quiet < QUIET_TURNS and self._waiting_rows < self._most_rows() and self._clock() < until:
            quiet = quiet + 1 if len(self._waiting) == waiting else 0
            waiting = len(self._waiting)
            await asyncio.sleep(0)

    async def _timed(self, batch: list[Ticket[Item]]) -> None:
        began = self._began = self._clock()
        try:
            await self._commit(self._in_time(batch, began))
        finally:
            self._began = None
            self._pace += _PACE_WEIGHT * (self._clock() - began - self._pace)

    def _take(self) -> list[Ticket[Item]]:
        """Take all that waits, up to the bound of a batch; one item at least."""
        most = self._most_rows()
        if self._waiting_rows <= most:
            batch = [*self._waiting]
            self._waiting.clear()
            self._waiting_rows = 0
            return batch
        batch = [self._waiting.popleft()]
        rows = batch[0].rows
        while self._waiting and rows + self._waiting[0].rows <= most:
            batch.append(ticket := self._waiting.popleft())
            rows += ticket.rows
        self._waiting_rows -= rows
        return batch

    def _in_time(self, batch: list[Ticket[Item]], now: float) -> list[Ticket[Item]]:
        """Nack the tickets that waited so long that their answer would miss the deadline; return the others."""
        deadline = self._bounds.deadline_seconds
        # Half the deadline is waited for however slow the batches are: else one hung batch would refuse all for ever.
        patience = max(deadline - self._pace - self._behind(now), deadline / 2)
        late = [ticket for ticket in batch if now - ticket.since > patience]
        if not late:
            return batch
        for ticket in late:
            ticket.fail(DeadlineError(f"waited {now - ticket.since:.1f} s, too near to the ack deadline"))
        self._let_go(late)
        return [ticket for ticket in batch if now - ticket.since <= patience]

    async def _commit(self, batch: list[Ticket[Item]]) -> None:
        """Run a batch to its end, or to where its rest is finished beside the next one."""
        rest = None
        try:
            waiting = [ticket for ticket in batch if ticket.bound or not ticket.abandoned]
            if waiting:
                rest = await self._guarded(batch, self._run(waiting))
        finally:
            if rest is None:
                self._let_go(batch)
        if rest is not None:
            began = self._clock()
            finishing = asyncio.create_task(self._finish(batch, rest, began), name="rest of a batch")
            self._finishing[finishing] = began
            finishing.add_done_callback(self._finishing.pop)

    async def _finish(self, batch: list[Ticket[Item]], rest: Awaitable[None], began: float) -> None:
        try:
            await self._guarded(batch, rest)
        finally:
            self._lag += _PACE_WEIGHT * (self._clock() - began - self._lag)
            self._let_go(batch)

    async def _guarded(self, batch: list[Ticket[Item]], work: Awaitable[Done]) -> Done | None:
        """Await some work; where it fails nothing was promised, so the callers try again and the batches behind go on."""
        try:
            return await work
        except RetryError as retry:
            for ticket in batch:
                ticket.fail(retry)
        except Exception:
            log.exception("failed to run a batch; its messages are nacked for retry")
        return None

    def _let_go(self, batch: list[Ticket[Item]]) -> None:
        for ticket in batch:
            if ticket.answer is UNANSWERED:
                ticket.fail(DefectError("the batch ended without an answer for this message"))
            self.rows -= ticket.rows
            self.size -= ticket.size
        if self._ended is not None:
            self._ended(batch)
