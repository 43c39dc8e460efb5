"""Histogram: counts in plain numbers, made into Prometheus' form only when somebody scrapes."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client import CollectorRegistry


class Histogram(Collector):
    """Counts values by upper bounds; a fifth of the cost of prometheus-client's own, for it takes no lock.

    Only one thread may observe (the event loop's).
    """

    def __init__(
        self, name: str, words: str, *, bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        """Register it; it starts with zeros."""
        self._name = name
        self._words = words
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        registry.register(self)

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Give what a scrape writes."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        buckets = list(zip(names, map(float, accumulate(self._counts)), strict=True))
        yield HistogramMetricFamily(self._name, self._words, buckets=buckets, sum_value=self._sum)
