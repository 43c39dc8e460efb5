"""Health: whether the worker still answers, by its latest answers."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.worker.observability.observer import BatchCompleted

log: Final = logging.getLogger(__name__)

LEAST_DEFECTS: Final = 10
"""Fewer defects say nothing of the worker: it may be one message that is redelivered again and again."""

ALIVE_FACTOR: Final = 3
"""How many times as long as until it is not ready a worker answers nothing but its own defects until it is not alive."""


class Health:
    """Not ready, and then not alive, while nothing but defects of the worker's own is answered; an observer of batches.

    Any message or request that is answered makes it healthy again. A full queue, a drain, a late answer and a sink that
    does not serve are no defects: a restart would change nothing about them. All calls are the event loop's.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Store for how long (0: always healthy), and the monotonic clock in seconds."""
        self._seconds = seconds
        self._clock = clock
        self._defects = 0
        self._first = self._last = 0.0

    def __call__(self, batch: BatchCompleted) -> None:
        """Count a batch; one with an answer for any of its messages resets the defects."""
        if self._defects and batch.retried < len(batch.tickets):
            if not self.ready:
                log.warning("messages are answered again")
            self._defects = 0

    def defect(self) -> None:
        """Count a message or request that was answered with a defect of the worker's own."""
        was_ready = self.ready
        self._last = self._clock()
        if not self._defects:
            self._first = self._last
        self._defects += 1
        if was_ready and not self.ready:
            log.critical("not ready: %s", self.reason)

    @property
    def ready(self) -> bool:
        """Whether messages should be sent here."""
        # Between the first and the last of them: that nothing is sent here is no failure.
        lasted = self._last - self._first
        return not self._seconds or self._defects < LEAST_DEFECTS or lasted < self._seconds

    @property
    def alive(self) -> bool:
        """Whether a restart would be a loss; once not ready, it need not be sent more messages to find out."""
        return self.ready or self._clock() - self._first < ALIVE_FACTOR * self._seconds

    @property
    def reason(self) -> str | None:
        """Why it is not ready; None where it is."""
        if self.ready:
            return None
        return f"nothing but defects was answered for {self._clock() - self._first:.0f} s ({self._defects} times)"
