"""Journal: a log line for each batch, or for a tenth of a second of them, and now and then a rejection."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import orjson

from worker.sink import trace_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.rendering import Lines
    from worker.witness import Seen

log: Final = logging.getLogger(__name__)

BATCH_SECONDS: Final = 0.1
"""Least time between two lines on batches; those in between are summed up in the next line."""

REJECTION_SECONDS: Final = 1.0
"""Least time between two lines on rejections; the next one says how many came in between."""

_SUMMED: Final = ("batches", "messages", "predicted", "rejected", "retried")


class Journal:
    """Writes what happened to batches; a witness of the pipeline."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self._waiting: dict[str, Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsaid = 0
        self._rejection_at = float("-inf")

    def __call__(self, seen: Seen) -> None:
        """Write a line at once after a silence, else with the others that follow."""
        rejected = sum(len(lines.rejections) for lines in seen.durable)
        line = _line(seen, rejected)
        if self._timer is None:
            _write(line)
            self._rest()
        else:
            self._waiting = line if self._waiting is None else _sum(self._waiting, line)
        if rejected:
            self._rejected(seen.durable, rejected)

    def close(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting is not None:
            _write(self._waiting)
            self._waiting = None

    def _rest(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(BATCH_SECONDS, self._awake)

    def _awake(self) -> None:
        self._timer = None
        if self._waiting is not None:
            _write(self._waiting)
            self._waiting = None
            self._rest()

    def _rejected(self, durable: Sequence[Lines], count: int) -> None:
        """Write one rejection in full but for its original, which may hold anything."""
        now = time.monotonic()
        if now - self._rejection_at < REJECTION_SECONDS:
            self._unsaid += count
            return
        line = orjson.loads(next(line for lines in durable for line in lines.rejections))
        told = {name: line[name] for name in ("reading_id", "message_id", "row", "reasons")}
        log.warning("rejected", extra={**told, "others": self._unsaid + count - 1})
        self._rejection_at, self._unsaid = now, 0


def _line(seen: Seen, rejected: int) -> dict[str, Any]:
    """What one batch was: counts, the wait of its first message until the answer, and whose trace that was."""
    first, _ = seen.kept[0]
    return {
        "batches": 1,
        "messages": len(seen.kept),
        "predicted": sum(len(lines.predictions) for lines in seen.durable),
        "rejected": rejected,
        "retried": len(seen.kept) - len(seen.durable),
        "push_ms": round((time.monotonic() - first.since) * 1000, 2),
        **trace_context(first.item.envelope.attributes),
    }


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    summed = {name: one[name] + other[name] for name in _SUMMED}
    return {**one, **summed, "push_ms": max(one["push_ms"], other["push_ms"])}


def _write(line: dict[str, Any]) -> None:
    if line["retried"]:
        log.warning("batch: some messages have to come again", extra=line)
    else:
        log.info("batch", extra=line)
