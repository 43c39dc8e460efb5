"""The points of the scatter chart: a uniform sample, with as large a share out of distribution as all predictions have."""

from __future__ import annotations

from typing import Any

import pytest

from rookery.watch.point_sample import PointSample


def test_each_row_has_the_same_chance() -> None:
    """Of 10,000 rows in order, each tenth of them has about a tenth of the sample, in the whole list and in its first half."""
    sample = PointSample(1_000)
    for nth in range(10_000):
        sample.add([nth], out_of_distribution=False)
    kept = [row[0] for row in sample.rows(0.0)]
    assert len(set(kept)) == 1_000
    # A tenth of 1,000 is 100 with a standard deviation of 9, of 500 it is 50 with 7: six of them is one in 10^8.
    for part, deviation in ((kept, 9), (kept[:500], 7)):
        for tenth in range(10):
            count = sum(1 for nth in part if nth // 1_000 == tenth)
            assert count == pytest.approx(len(part) / 10, abs=6 * deviation)


@pytest.mark.parametrize(
    ("usual", "outliers", "share", "expected"),
    [
        (5_000, 5_000, 0.006, (994, 6)),
        (100, 5_000, 0.5, (100, 100)),
        (5_000, 2, 0.5, (500, 2)),
        (5_000, 0, 0.01, (990, 0)),
        (0, 5_000, 0.99, (0, 1_000)),
        (0, 0, 0.0, (0, 0)),
        (3, 1, 0.25, (3, 1)),
    ],
)
def test_the_share_of_outliers_is_that_of_all(
    usual: int, outliers: int, share: float, expected: tuple[int, int]
) -> None:
    """The points have the share of all predictions as far as there are rows, whatever the worker wrote of each kind."""
    sample = PointSample(1_000)
    for kind, count in ((False, usual), (True, outliers)):
        for nth in range(count):
            sample.add([kind, nth], out_of_distribution=kind)
    rows: list[list[Any]] = sample.rows(share)
    assert sample.offered == usual + outliers
    assert (sum(not row[0] for row in rows), sum(row[0] for row in rows)) == expected
