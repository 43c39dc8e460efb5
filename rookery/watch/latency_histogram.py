"""LatencyHistogram: percentiles over all readings of a time, in constant memory, and mergeable."""

from __future__ import annotations

import math
from typing import Final, Self

_GROWTH: Final = 1.04
"""Ratio of a bucket's bounds: no value of a bucket is further than 4 % from another, nor from their mean."""
_SHORTEST_S: Final = 1e-6
"""Shorter durations, and those below zero of clocks that disagree, share the first bucket."""
_LONGEST_S: Final = 1e9
_SCALE: Final = 1 / math.log(_GROWTH)


class LatencyHistogram:
    """Counts durations in seconds by buckets of a logarithmic scale; at most 882 buckets exist."""

    __slots__ = ("_buckets", "count")

    def __init__(self) -> None:
        """Start without durations."""
        self._buckets: dict[int, tuple[int, float]] = {}
        self.count = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        inside = min(max(seconds, _SHORTEST_S), _LONGEST_S)
        self._enter(round(math.log(inside) * _SCALE), 1, inside)

    def merge(self, other: Self) -> None:
        """Count all durations of another histogram, as if each had been added here."""
        for bucket, (count, total) in other._buckets.items():
            self._enter(bucket, count, total)

    def percentile(self, share: float) -> float | None:
        """The duration in seconds by nearest rank, within 4 %; None where nothing was counted."""
        rank, seen = max(1, math.ceil(share * self.count)), 0
        for bucket in sorted(self._buckets):
            count, total = self._buckets[bucket]
            seen += count
            if seen >= rank:
                return total / count
        return None

    def _enter(self, bucket: int, count: int, total: float) -> None:
        known, sum_s = self._buckets.get(bucket, (0, 0.0))
        self._buckets[bucket] = (known + count, sum_s + total)
        self.count += count
