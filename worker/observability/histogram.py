"""Histogram: counts in plain numbers, converted to Prometheus' form only for a scrape."""

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
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        registry.register(self)

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return the histogram for a scrape."""
        names = [*map(floatToGoString, self.bounds), "+Inf"]
        buckets = list(zip(names, map(float, accumulate(self.counts)), strict=True))
        yield HistogramMetricFamily(self._name, self._words, buckets=buckets, sum_value=self.sum)


def observe(values: Iterable[tuple[Histogram, float]]) -> None:
    """Count one value each in some histograms: one call for all that a batch has to count."""
    for histogram, value in values:
        histogram.counts[bisect_left(histogram.bounds, value)] += 1
        histogram.sum += value
