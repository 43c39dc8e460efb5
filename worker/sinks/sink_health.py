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

CHECK_SECONDS: Final = 1.0
"""From one check of the sinks to the next; only those that fail are probed."""


class Place(Protocol):
    """Where lines become durable."""

    @property
    def reason(self) -> str | None:
        """Why they cannot; None where they can."""

    async def probe(self) -> None:
        """Find out whether they can again; never raises."""


class SinkHealth:
    """Monitors sinks, and notices their recovery while nothing is sent to the worker."""

    def __init__(self, places: Sequence[Place], *, check_seconds: float = CHECK_SECONDS) -> None:
        """Store the places; `monitored` checks them."""
        self._places = places
        self._check_seconds = check_seconds
        self._reported: str | None = None
        self._checked = asyncio.Event()
        self._healthy = asyncio.Event()

    @property
    def reason(self) -> str | None:
        """Why lines cannot become durable, place by place; None where they can, everywhere."""
        reasons = [reason for each in self._places if (reason := each.reason) is not None]
        return "; ".join(reasons) or None

    async def checked(self) -> None:
        """Return when every sink was checked for the first time."""
        await self._checked.wait()

    @asynccontextmanager
    async def monitored(self) -> AsyncIterator[None]:
        """Check the sinks while the context is open."""
        async with _beside(self._watch(), "sink watch"):
            yield

    @asynccontextmanager
    async def when_healthy(self, call: Callable[[], None]) -> AsyncIterator[None]:
        """Call when all places work for the first time, at once where they do, while the context is open."""
        if self._healthy.is_set():
            call()
            yield
            return
        async with _beside(self._call_when_healthy(call), "first ready"):
            yield

    async def _call_when_healthy(self, call: Callable[[], None]) -> None:
        await self._healthy.wait()
        call()

    async def _watch(self) -> None:
        while True:
            try:
                if self._checked.is_set():
                    self._report()  # a write may have failed since the last look, and the probe may repair it
                await asyncio.gather(*(each.probe() for each in self._places if each.reason is not None))
                self._report()
            except Exception:
                log.exception("failed to check the sinks")
            self._checked.set()
            await asyncio.sleep(self._check_seconds)

    def _report(self) -> None:
        """Log when it begins and when it ends; in between, nacked messages say that it goes on."""
        reason = self.reason
        if reason is None:
            self._healthy.set()
            if self._reported is not None:
                log.info("results and rejections can be written")
        elif self._reported is None:
            log.error("not ready: %s", reason)
        self._reported = reason


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
