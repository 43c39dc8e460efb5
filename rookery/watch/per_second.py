"""PerSecondCounts: throughput and latency in each of the latest seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rookery.environment.stats_client import latency

if TYPE_CHECKING:
    from datetime import datetime

KEPT: Final = 300
"""Seconds that are kept, counted back from the latest one with a result."""

_SAMPLE: Final = 400
"""Latencies of one second that are kept: the first ones."""


@dataclass(slots=True)
class _SecondCounts:
    predicted: int = 0
    rejected: int = 0
    waits: list[float] = field(default_factory=list)


class PerSecondCounts:
    """Counts by the time in the result line, so that yesterday's results show yesterday's rates."""

    def __init__(self) -> None:
        """Start without counts."""
        self._seconds: dict[int, _SecondCounts] = {}
        self._latest = 0

    def predicted(self, at: datetime, published_at: datetime | None) -> None:
        """Count a prediction, and how old its message was."""
        second = self._second(at)
        if second is None:
            return
        second.predicted += 1
        if published_at is not None and len(second.waits) < _SAMPLE:
            second.waits.append((at - published_at).total_seconds())

    def rejected(self, at: datetime) -> None:
        """Count a rejection."""
        second = self._second(at)
        if second is not None:
            second.rejected += 1

    def rows(self) -> list[list[Any]]:
        """Rows of second (Unix), predicted, rejected, p50 and p99 in milliseconds, in order of time; seconds without a result are left out."""
        return [[number, *_row(self._seconds[number])] for number in sorted(self._seconds)]

    def _second(self, at: datetime) -> _SecondCounts | None:
        """The second of a moment, None where it is too long ago."""
        number = int(at.timestamp())
        if number <= self._latest - KEPT:
            return None
        if number > self._latest:
            self._latest = number
            for old in [each for each in self._seconds if each <= number - KEPT]:
                del self._seconds[old]
        return self._seconds.setdefault(number, _SecondCounts())


def _row(second: _SecondCounts) -> list[Any]:
    if not second.waits:
        return [second.predicted, second.rejected, None, None]
    measured = latency(second.waits)
    return [
        second.predicted,
        second.rejected,
        round(measured.p50_s * 1000, 1),
        round(measured.p99_s * 1000, 1),
    ]
