"""WatchedSink: a place for lines, and whether writing to it works."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Protocol

from rookery.worker.sinks.protocol import Sink, SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.worker.sinks.protocol import LineBlock

PROBE_SECONDS: Final = 1.0
"""From one probe of a place that fails to the next."""

MOST_PROBE_SECONDS: Final = 30.0
"""The same at most, where probes succeed again and again and the writes behind them fail."""

PATIENCE_SECONDS: Final = 10.0
"""How long a probe is waited for."""


class ProbedSink(Sink, Protocol):
    """A sink that can tell whether a write would work now."""

    async def probe(self) -> None:
        """Do what a write takes and leave nothing behind; raise SinkUnavailableError where that fails."""


class WatchedSink:
    """Writes to a place; `reason` says why that does not work, None where it does.

    The latest write decides, or a later probe, so that a worker to which nothing is sent notices when a place works
    again. A probe is weaker than a write: where the two disagree, the next probe comes later each time.
    """

    def __init__(
        self,
        sink: ProbedSink,
        kind: str,
        *,
        works: bool,
        hang_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store the place and what goes there; `works` says that it was written to before.

        A write that takes longer than `hang_seconds` answers no sender in time.
        """
        self._sink = sink
        self._failed = f"failed to write {kind}: "
        self._hang_seconds = hang_seconds
        self._clock = clock
        self._reason = None if works else f"{self._failed}not tried yet"
        self._pending: dict[object, float] = {}
        self._probing: asyncio.Future[None] | None = None
        self._pause = PROBE_SECONDS
        self._due = clock()

    @property
    def reason(self) -> str | None:
        """Why lines cannot become durable here; None where they can."""
        if self._reason is None and self._pending:
            # In the order in which they began.
            waited = self._clock() - next(iter(self._pending.values()))
            if waited > self._hang_seconds:
                return f"{self._failed}no answer for {waited:.0f} s"
        return self._reason

    async def write(self, block: LineBlock) -> None:
        """Return when every line is durable; raises SinkUnavailableError with what cannot be written, where, and why."""
        own = object()
        self._pending[own] = self._clock()
        try:
            await self._sink.write(block)
        except SinkUnavailableError as error:
            if self._reason is None:
                self._due = self._clock() + self._pause
                self._pause = min(2 * self._pause, MOST_PROBE_SECONDS)
            self._reason = f"{self._failed}{error}"
            raise SinkUnavailableError(self._reason) from error
        else:
            self._reason = None
            self._pause = PROBE_SECONDS
        finally:
            del self._pending[own]

    async def probe(self) -> None:
        """Find out whether a place that fails works again, if it is time for that; never raises, never hangs."""
        if self.reason is None or self._clock() < self._due:
            return
        # One that hangs is not begun again, but waited for again.
        probing = self._probing = self._probing or asyncio.ensure_future(self._sink.probe())
        done, _ = await asyncio.wait({probing}, timeout=PATIENCE_SECONDS)
        self._due = self._clock() + PROBE_SECONDS
        if not done:
            self._reason = f"{self._failed}no answer within {PATIENCE_SECONDS:g} s"
            return
        self._probing = None
        try:
            probing.result()
        except SinkUnavailableError as error:
            self._reason = f"{self._failed}{error}"
        else:
            self._reason = None

    async def close(self) -> None:
        """Nothing: the sink is closed by its opener."""
