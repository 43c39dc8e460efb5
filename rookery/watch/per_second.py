"""PerSecondCounts: throughput and latency in each of the latest seconds, and over the window that the page shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rookery.watch.latency_histogram import LatencyHistogram

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

KEPT: Final = 300
"""Seconds that are kept, counted back from the latest one with a result."""
WINDOW_S: Final = 120
"""Seconds that the charts show, and that the page's p50 and p99 are over."""
RATE_S: Final = 10
"""Seconds that the throughput of now is the mean of."""
_STAYS_S: Final = 60
"""Time without a result after which the window stays where the latest result is."""


@dataclass(slots=True)
class _SecondCounts:
    predicted: int = 0
    rejected: int = 0
    waits: LatencyHistogram = field(default_factory=LatencyHistogram)

    @property
    def readings(self) -> int:
        return self.predicted + self.rejected


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
        if published_at is not None:
            second.waits.add((at - published_at).total_seconds())

    def rejected(self, at: datetime) -> None:
        """Count a rejection."""
        second = self._second(at)
        if second is not None:
            second.rejected += 1

    def rows(self) -> list[list[Any]]:
        """Rows of second (Unix), predicted, rejected, p50 and p99 in milliseconds, in order of time; seconds without a result are left out."""
        return [
            [number, each.predicted, each.rejected, *_percentiles([each])]
            for number, each in sorted(self._seconds.items())
        ]

    def window(self, now: float) -> dict[str, Any]:
        """Summarise the two minutes up to now (Unix seconds), or up to the latest result where that is longer ago.

        `from` is the first second, `to` the one behind the last; `timed` readings have a latency. `rate` is readings a
        second in the ten whole seconds before now.
        """
        current = int(now)
        stale = self._latest and current - self._latest > _STAYS_S
        end = 1 + (self._latest if stale else max(current, self._latest))
        found = self._between(end - WINDOW_S, end)
        p50_ms, p99_ms = _percentiles(found)
        return {
            "from": end - WINDOW_S,
            "to": end,
            "predicted": sum(each.predicted for each in found),
            "rejected": sum(each.rejected for each in found),
            "busiest": max((each.readings for each in found), default=0),
            "timed": sum(each.waits.count for each in found),
            "p50_ms": p50_ms,
            "p99_ms": p99_ms,
            "rate": sum(each.readings for each in self._between(current - RATE_S, current)) / RATE_S,
        }

    def _between(self, begin: int, end: int) -> list[_SecondCounts]:
        return [each for number, each in self._seconds.items() if begin <= number < end]

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


def _percentiles(seconds: Iterable[_SecondCounts]) -> tuple[float | None, float | None]:
    """The p50 and p99 in milliseconds over all readings of some seconds."""
    waits = LatencyHistogram()
    for each in seconds:
        waits.merge(each.waits)
    return _ms(waits.percentile(0.50)), _ms(waits.percentile(0.99))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
