"""Percentiles: by nearest rank, of values and of counted values alike."""

from __future__ import annotations

from random import Random

import pytest

from rookery.load.percentile import percentile, weighted_percentile


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)])
def test_a_percentile_is_a_value_that_occurred(share: float, expected: float) -> None:
    """Of 1 to 100, a share of 0.99 is at most 99; of nothing there is no percentile."""
    assert percentile([float(value) for value in range(1, 101)], share) == expected
    assert percentile([], share) is None
    assert weighted_percentile([], share) is None


def test_counted_values_have_the_same_percentiles() -> None:
    """A value with its count stands for that many equal values."""
    dice = Random(3)  # noqa: S311  a test needs repeatability, not secrecy
    counts = [(float(value), dice.randint(1, 9)) for value in range(40)]
    values = [value for value, count in counts for _ in range(count)]
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        assert weighted_percentile(counts, share) == percentile(values, share)
