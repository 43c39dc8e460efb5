"""BatchLog: a log line for each batch, or for a tenth of a second of them, and now and then a rejection."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

import orjson

from rookery.worker.sinks.protocol import trace_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rookery.worker.observability.observer import BatchCompleted
    from rookery.worker.observability.observer_failures import Contained

log: Final = logging.getLogger(__name__)

BATCH_SECONDS: Final = 0.1
"""Least time between two lines on batches; those in between are summed up in the next line."""

REJECTION_SECONDS: Final = 1.0
"""Least time between two lines on rejections; the next one says how many came in between."""


class BatchLog:
    """Writes what happened to batches; an observer of the pipeline."""

    def __init__(self, contained: Contained) -> None:
        """Start with nothing written; `contained` is where defects of the lines that a timer writes end."""
        self._contained = contained
        self._timer: asyncio.TimerHandle | None = None
        self._whose: Mapping[str, str] = {}
        self._longest = 0.0
        self._forget()
        self._unlogged = 0
        self._rejection_at = float("-inf")

    def __call__(self, batch: BatchCompleted) -> None:
        """Write a line at once after a silence, else with the others that follow; on what was only asked, none."""
        if not batch.kept:
            return
        first = batch.kept[0][0]
        took = batch.ended - first.since
        if took > self._longest:
            self._longest, self._whose = took, first.item.envelope.attributes
        self._batches += 1
        self._messages += len(batch.kept)
        self._predicted += batch.predicted
        self._rejected += batch.rejected
        self._retried += batch.retried
        if self._timer is None:
            self._write()
            self._rest()
        if batch.rejected:
            self._reject(batch)

    def close(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._batches:
            with self._contained:
                self._write()

    def _forget(self) -> None:
        self._batches = self._messages = self._predicted = self._rejected = self._retried = 0
        self._longest = 0.0

    def _rest(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(BATCH_SECONDS, self._awake)

    def _awake(self) -> None:
        self._timer = None
        if self._batches:
            with self._contained:
                self._write()
            self._rest()

    def _write(self) -> None:
        """Write one line on all that waits, with the longest push and whose trace that was."""
        line = {
            "batches": self._batches,
            "messages": self._messages,
            "predicted": self._predicted,
            "rejected": self._rejected,
            "retried": self._retried,
            "push_ms": round(self._longest * 1000, 2),
            **trace_context(self._whose),
        }
        log.info("batch", extra=line)
        self._forget()

    def _reject(self, batch: BatchCompleted) -> None:
        """Write one rejection in full but for its original, which may hold anything."""
        now = time.monotonic()
        if now - self._rejection_at < REJECTION_SECONDS:
            self._unlogged += batch.rejected
            return
        line = orjson.loads(next(line for _, lines in batch.kept for line in lines.rejections))
        fields = {name: line[name] for name in ("reading_id", "message_id", "row", "reasons")}
        log.warning("rejected", extra={**fields, "others": self._unlogged + batch.rejected - 1})
        self._rejection_at, self._unlogged = now, 0
