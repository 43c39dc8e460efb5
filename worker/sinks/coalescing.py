"""CoalescingSink: joins small blocks into larger ones for sinks where each write is billed."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct

from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rookery.worker.sinks.protocol import Sink


class RateLimit(Struct, frozen=True, kw_only=True):
    """How often the sink behind may be written to.

    One write begins every `interval_seconds`; a sink that was idle may begin up to `burst` without waiting, so
    that a push window opens quickly. `enough_lines` pay for a write of their own, whenever they are together.
    One write holds `most_lines` at most, or one block; `at_once` writes are in flight at most.
    """

    interval_seconds: float = 0.0
    burst: int = 4
    enough_lines: int = 200
    most_lines: int = 50_000
    at_once: int = 4


class _PendingBlock(Struct):
    block: LineBlock
    answer: asyncio.Future[None]

    def settle(self, error: BaseException | None) -> None:
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(None)
        else:
            self.answer.set_exception(error)


class CoalescingSink:
    """Holds blocks back until the pace allows a write; an idle sink is written to at once."""

    def __init__(self, sink: Sink, limit: RateLimit, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Store where to write, how often, and the monotonic clock in seconds."""
        self._sink = sink
        self._limit = limit
        self._clock = clock
        self._waiting: deque[_PendingBlock] = deque()
        self._lines = 0
        # When the next write would be due if none ever came early.
        self._due = -float("inf")
        self._hurried = False
        self._changed = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._in_flight: set[asyncio.Task[None]] = set()

    async def write(self, block: LineBlock) -> None:
        """Return when a write that holds the block is durable; raises SinkUnavailableError."""
        waiting = _PendingBlock(block, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._lines += len(block.lines)
        self._changed.set()
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(), name="coalescing")
        await waiting.answer

    def hurry(self) -> None:
        """Hold nothing back from now on: a worker that drains has no time for the pace."""
        self._hurried = True
        self._changed.set()

    async def close(self) -> None:
        """Finish the writes in flight; the sink behind is closed by its opener."""
        while self._sending is not None or self._in_flight:
            await asyncio.wait({task for task in (self._sending, *self._in_flight) if task is not None})

    async def _send(self) -> None:
        """Begin write after write until nothing waits."""
        try:
            while self._waiting:
                await self._turn()
                write = asyncio.create_task(self._write(self._take()), name="coalesced write")
                self._in_flight.add(write)
                write.add_done_callback(self._ended)
        finally:
            self._sending = None

    def _ended(self, write: asyncio.Task[None]) -> None:
        self._in_flight.discard(write)
        self._changed.set()

    async def _turn(self) -> None:
        """Wait until a write may begin."""
        while (wait := self._wait()) is None or wait > 0:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def _wait(self) -> float | None:
        """Seconds until a write may begin; None where another one has to end first."""
        if len(self._in_flight) >= self._limit.at_once:
            return None
        if self._hurried or self._lines >= self._limit.enough_lines:
            return 0.0
        ahead = (self._limit.burst - 1) * self._limit.interval_seconds
        return self._due - ahead - self._clock()

    def _take(self) -> list[_PendingBlock]:
        """Take what waits, up to the most of one write; one block at least."""
        taken = [self._waiting.popleft()]
        lines = len(taken[0].block.lines)
        while self._waiting and lines + len(self._waiting[0].block.lines) <= self._limit.most_lines:
            taken.append(following := self._waiting.popleft())
            lines += len(following.block.lines)
        self._lines -= lines
        if lines < self._limit.enough_lines:
            self._due = max(self._due, self._clock()) + self._limit.interval_seconds
        return taken

    async def _write(self, taken: Sequence[_PendingBlock]) -> None:
        error: BaseException | None = SinkUnavailableError("the write was given up")
        try:
            await self._sink.write(merged([each.block for each in taken]))
            error = None
        except Exception as raised:  # noqa: BLE001  every exception is raised in the callers that wait for the write
            error = raised
        finally:
            for each in taken:
                each.settle(error)
