"""NackLog: why messages are nacked for retry, once when it begins and then now and again, with their number."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.worker.observability.observer import BatchCompleted

log: Final = logging.getLogger(__name__)

SECONDS: Final = 10.0
"""Least time between two lines; the next one counts what was nacked in between."""


class NackLog:
    """An observer of batches that says which sink failed, where, and why."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Store the monotonic clock in seconds."""
        self._clock = clock
        self._count = 0
        self._due = float("-inf")

    def __call__(self, batch: BatchCompleted) -> None:
        """Note a batch that a sink did not make durable."""
        if batch.nacked_for is None:
            return
        self._count += batch.retried
        now = self._clock()
        if now >= self._due:
            self._due = now + SECONDS
            messages = f"{self._count} message{'s' if self._count > 1 else ''}"
            log.error("%s; %s nacked for retry", batch.nacked_for, messages)
            self._count = 0
