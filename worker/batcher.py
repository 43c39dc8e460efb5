"""Batcher: group commit. While one batch runs, the next gathers; the moment it ends, all that waits goes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from worker.errors import Draining, Full, Retry, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence

log: Final = logging.getLogger(__name__)

Item = TypeVar("Item")


class Ticket(Generic[Item]):
    """One caller's place in a batch; awaiting it gives the answer. A caller who left is skipped."""

    __slots__ = ("_future", "item", "rows", "size")

    def __init__(self, item: Item, *, rows: int, size: int) -> None:
        """Store the item with its weight: readings and bytes."""
        self.item = item
        self.rows = rows
        self.size = size
        self._future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._future.__await__()

    @property
    def settled(self) -> bool:
        """Whether the caller was answered or has left."""
        return self._future.done()

    def resolve(self, answer: object) -> None:
        """Answer the caller, if it still waits."""
        if not self._future.done():
            self._future.set_result(answer)

    def fail(self, error: Retry) -> None:
        """Tell the caller to try again, if it still waits."""
        if not self._future.done():
            self._future.set_exception(error)
            # A caller who left between must not leave a warning behind.
            self._future.exception()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much may be in one batch, and how much inside in all."""

    batch_rows: int
    intake_rows: int
    intake_bytes: int


class Batcher(Generic[Item]):
    """Runs what waits as one batch; knows no HTTP, no model and no cloud.

    `run` answers the tickets of one batch, each once; what it leaves unanswered is told to try again.
    """

    def __init__(self, run: Callable[[Sequence[Ticket[Item]]], Awaitable[None]], *, bounds: Bounds) -> None:
        """Store what to run and how much of it."""
        self._run = run
        self._bounds = bounds
        self._waiting: deque[Ticket[Item]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._rows = 0
        self._size = 0
        self._draining = False

    @property
    def rows(self) -> int:
        """Readings that wait or are under way."""
        return self._rows

    @property
    def size(self) -> int:
        """Bytes that wait or are under way."""
        return self._size

    def submit(self, item: Item, *, rows: int, size: int) -> Ticket[Item]:
        """Take an item into the next batch; raises Full or Draining. Alone it is taken however large."""
        if self._draining:
            raise Draining("the worker is draining")
        bounds = self._bounds
        if self._rows and (self._rows + rows > bounds.intake_rows or self._size + size > bounds.intake_bytes):
            raise Full(f"{self._rows} readings and {self._size} bytes are waiting already")
        ticket = Ticket(item, rows=rows, size=size)
        self._rows += rows
        self._size += size
        self._waiting.append(ticket)
        if self._running is None:
            # The task starts after this turn of the loop, so that all that arrived in it goes together.
            self._running = asyncio.create_task(self._work(), name="batcher")
        return ticket

    async def drain(self) -> None:
        """Take nothing new; return when all that was taken is answered."""
        self._draining = True
        if self._running is not None:
            await self._running

    async def _work(self) -> None:
        """Run batch after batch until nothing waits."""
        try:
            while self._waiting:
                await self._commit(self._take())
        finally:
            self._running = None

    def _take(self) -> list[Ticket[Item]]:
        """Take all that waits, up to the bound of a batch; one item at least."""
        batch = [self._waiting.popleft()]
        rows = batch[0].rows
        while self._waiting and rows + self._waiting[0].rows <= self._bounds.batch_rows:
            batch.append(ticket := self._waiting.popleft())
            rows += ticket.rows
        return batch

    async def _commit(self, batch: list[Ticket[Item]]) -> None:
        error: Retry = Unavailable("the batch ended without an answer for this message")
        try:
            await self._run([ticket for ticket in batch if not ticket.settled])
        except Retry as retry:
            error = retry
        except Exception:
            # Nothing was promised, so the senders try again; the batches behind this one go on.
            log.exception("a batch broke")
        finally:
            for ticket in batch:
                ticket.fail(error)
                self._rows -= ticket.rows
                self._size -= ticket.size
