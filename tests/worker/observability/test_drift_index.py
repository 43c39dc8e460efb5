"""Drift: a shifted stream raises it within a minute of data, an unshifted one never does."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rookery.dataset.season import Colony, Season, season
from rookery.schemas.testing import ReadingFactory
from rookery.worker.inference.bisection import classify
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.observability.drift import LEAST_ROWS, Drift
from tests.shipped import FEATURES, matrix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CLASSIFIER = load(SHIPPED)
RATE = 100.0


class Clock:
    """Time that passes only in sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def stream(plan: Season, rows: int) -> Iterator[NDArray[np.float32]]:
    """What `rookery simulate` publishes, as matrices of so many rows, without the waiting."""
    clock = Clock()
    readings = season(plan, Colony(CLASSIFIER.card, plan.seed), clock=clock, wait=clock.wait)
    while batch := list(islice(readings, rows)):
        yield matrix(batch)


def drifted(drift: Drift) -> list[str]:
    return [shift.feature for shift in drift.shifts() if shift.drifted]


@pytest.mark.parametrize(
    "shift", [{"body_mass_g": 1200.0}, {"bill_length_mm": 600.0}, {"flipper_length_mm": -600.0}]
)
def test_a_shifted_stream_raises_drift_within_a_minute_of_data(shift: dict[str, float]) -> None:
    """`rookery simulate --rate 100 --drift body_mass_g=1200`: a fifth more after a minute, and reported by then."""
    drift = Drift(1000, lambda: CLASSIFIER.card)
    plan = Season(rate=RATE, drift=shift, count=int(60 * RATE))
    for rows in stream(plan, 100):
        drift.saw(rows, classify(CLASSIFIER, rows))
    assert set(shift) <= set(drifted(drift))


def test_an_unshifted_stream_of_100_000_readings_raises_nothing() -> None:
    """Checked after each 500 readings, no feature and no mix of species ever counts as drifted."""
    drift = Drift(1000, lambda: CLASSIFIER.card)
    seen = 0
    for rows in stream(Season(rate=RATE, count=100_000, seed=3), 500):
        drift.saw(rows, classify(CLASSIFIER, rows))
        assert drifted(drift) == []
        seen += len(rows)
    assert seen == 100_000


def test_the_penguins_of_the_training_are_their_own_measure() -> None:
    """Shares as in the card give an index of almost nothing; too few readings give none."""
    card = CLASSIFIER.card
    drift = Drift(5000, lambda: card)
    drift.keep(matrix(ReadingFactory(1).readings(LEAST_ROWS - 1)), np.zeros(LEAST_ROWS - 1, dtype=np.intp))
    assert {shift.index for shift in drift.shifts()} == {None}
    wanted = np.array(card.distribution["sex"].shares)
    rows = np.full((1000, len(FEATURES)), np.nan, dtype=np.float32)
    rows[:, FEATURES.index("sex")] = np.repeat(np.arange(len(wanted)), np.round(wanted * 1000).astype(int))[
        :1000
    ]
    drift = Drift(1000, lambda: card)
    drift.keep(rows, np.zeros(1000, dtype=np.intp))
    shifts = {shift.feature: shift for shift in drift.shifts()}
    assert shifts["sex"].index == pytest.approx(0, abs=1e-4)
    assert shifts["year"].index is None
    assert shifts["year"].missing == 1


def test_the_latest_readings_are_kept_in_whatever_steps_they_come() -> None:
    """Pieces of any size, longer than the window too, leave just the newest rows."""
    rows = np.arange(70, dtype=np.float32).reshape(10, 7)
    for size in (1, 2, 3, 4, 7, 10):
        drift = Drift(4, lambda: CLASSIFIER.card)
        for start in range(0, 10, size):
            part = rows[start : start + size]
            drift.keep(part, np.zeros(len(part), dtype=np.intp))
        assert drift.latest()[0][:, 0].tolist() == [42, 49, 56, 63]


def test_a_year_later_is_shown_and_raises_no_alarm() -> None:
    """Time goes by: that is no mistake of anybody's."""
    drift = Drift(1000, lambda: CLASSIFIER.card)
    rows = matrix(ReadingFactory(4).readings(1000))
    rows[:, FEATURES.index("year")] = 2026
    drift.saw(rows, classify(CLASSIFIER, rows))
    (year,) = [shift for shift in drift.shifts() if shift.feature == "year"]
    assert year.index is not None
    assert year.index > 1
    assert drifted(drift) == []
