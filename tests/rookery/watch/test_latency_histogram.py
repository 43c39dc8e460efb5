"""Percentiles of latency: within 5 % over any readings, alone or merged."""

from __future__ import annotations

from random import Random

import pytest

from rookery.load.percentile import percentile
from rookery.watch.latency_histogram import LatencyHistogram


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_a_percentile_is_within_five_percent(sigma: float) -> None:
    """Nearest rank over a narrow, a usual and a wide distribution, whole or merged from parts."""
    random = Random(f"latency/{sigma}")  # noqa: S311  repeatable, not secret
    waits = [random.lognormvariate(-3, sigma) for _ in range(20_001)]
    whole, merged, part = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
    for nth, wait in enumerate(waits):
        whole.add(wait)
        (merged if nth % 3 else part).add(wait)
    merged.merge(part)
    assert merged.count == whole.count == len(waits)
    for share in (0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0):
        exact = percentile(sorted(waits), share)
        assert whole.percentile(share) == pytest.approx(exact, rel=0.05)
        assert merged.percentile(share) == pytest.approx(whole.percentile(share))


def test_no_reading_has_no_percentile() -> None:
    """An empty second shows nothing, not zero; clocks that disagree by a moment count as no latency."""
    histogram = LatencyHistogram()
    assert histogram.percentile(0.5) is None
    histogram.add(-0.2)
    assert histogram.percentile(0.5) == pytest.approx(0, abs=1e-4)
    histogram.add(1e300)
    assert histogram.count == 2
