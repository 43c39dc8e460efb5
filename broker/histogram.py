"""Percentiles of durations in constant memory: buckets that grow by a tenth."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

_FINEST_SECONDS: Final = 1e-5
_GROWTH: Final = 1.1
_BUCKETS: Final = 220
"""From ten microseconds to about three hours."""
_BOUNDS: Final = [_FINEST_SECONDS * _GROWTH**bucket for bucket in range(_BUCKETS - 1)]
"""The longest duration of each bucket but the last, which has no bound."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Durations in seconds, each within a tenth of the exact value."""

    count: int
    p50: float
    p99: float
    longest: float


class DurationHistogram:
    """Count durations in seconds."""

    __slots__ = ("_buckets", "_count", "_longest")

    def __init__(self) -> None:
        self._buckets = [0] * _BUCKETS
        self._count = 0
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._count += 1
        self._longest = max(self._longest, seconds)

    def percentiles(self) -> Percentiles:
        """Read the distribution; zeros where nothing was counted."""
        return Percentiles(self._count, self._at(0.5), self._at(0.99), self._longest)

    def _at(self, share: float) -> float:
        wanted, seen = share * self._count, 0
        for bucket, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                return min(self._longest, float(_FINEST_SECONDS * _GROWTH**bucket))
        return 0.0
