"""SinkHealth: whether results can become durable everywhere they should; while not, the worker is not ready."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

log: Final = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""From one look at the places to the next; only those that fail are probed."""


class Place(Protocol):
    """Where lines become durable."""

    @property
    def reason(self) -> str | None:
        """Why they cannot; None where they can."""

    async def probe(self) -> None:
        """Find out whether they can again; never raises."""


class SinkHealth:
    """Looks after places, and notices their recovery while nothing is sent to the worker."""

    def __init__(self, places: Sequence[Place], *, look_seconds: float = LOOK_SECONDS) -> None:
        """Store the places; `watched` looks after them."""
        self._places = places
        self._look_seconds = look_seconds
        self._told: str | None = None
        self._looked = asyncio.Event()
        self._well = asyncio.Event()

    @property
    def reason(self) -> str | None:
        """Why lines cannot become durable, place by place; None where they can, everywhere."""
        reasons = [reason for each in self._places if (reason := each.reason) is not None]
        return "; ".join(reasons) or None

    async def looked(self) -> None:
        """Return when every place was looked at once."""
        await self._looked.wait()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look after the places while the context is open."""
        async with _beside(self._watch(), "sink watch"):
            yield

    @asynccontextmanager
    async def when_well(self, call: Callable[[], None]) -> AsyncIterator[None]:
        """Call when all places work for the first time, at once where they do, while the context is open."""
        if self._well.is_set():
            call()
            yield
            return
        async with _beside(self._call_when_well(call), "first ready"):
            yield

    async def _call_when_well(self, call: Callable[[], None]) -> None:
        await self._well.wait()
        call()

    async def _watch(self) -> None:
        while True:
            try:
                if self._looked.is_set():
                    self._say()  # a write may have failed since the last look, and the probe may repair it
                await asyncio.gather(*(each.probe() for each in self._places if each.reason is not None))
                self._say()
            except Exception:
                log.exception("failed to look at the sinks")
            self._looked.set()
            await asyncio.sleep(self._look_seconds)

    def _say(self) -> None:
        """Log when it begins and when it ends; in between, nacked messages say that it goes on."""
        reason = self.reason
        if reason is None:
            self._well.set()
            if self._told is not None:
                log.info("results and rejections can be written")
        elif self._told is None:
            log.error("not ready: %s", reason)
        self._told = reason


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Let a task run while the context is open."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
