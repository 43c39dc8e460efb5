"""The simulation: realistic, seeded, on time, with drift, outliers and missing values on demand."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from rookery.cli import app
from rookery.dataset.season import Colony, Season, drifts, season
from rookery.errors import UserError
from rookery.worker.models.loader import SHIPPED, load
from tests.shipped import matrix

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


CLASSIFIER = load(SHIPPED)


class Clock:
    """A clock that advances only while the simulation waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def run(plan: Season) -> tuple[list, float]:
    clock = Clock()
    return list(
        season(plan, Colony(CLASSIFIER.card, plan.seed), clock=clock, wait=clock.wait, now=lambda: NOON)
    ), clock.now


def test_readings_come_at_the_rate_from_every_device() -> None:
    """A hundred readings at ten a second take 9.9 s; the devices take turns, and every identity is unique."""
    readings, took_s = run(Season(devices=4, rate=10, count=100))
    assert took_s == pytest.approx(9.9)
    assert {each.device_id for each in readings} == {f"device-{number}" for number in (1, 2, 3, 4)}
    assert len({each.reading_id for each in readings}) == 100


def test_the_same_seed_gives_the_same_readings() -> None:
    """And another one others."""
    first, again, other = (run(Season(count=20, seed=seed))[0] for seed in (1, 1, 2))
    assert first == again != other


def test_readings_follow_the_training_distribution() -> None:
    """The model flags few of the readings as out of distribution, and most of the outliers."""
    for outliers, least, most in ((0.0, 0.0, 0.03), (1.0, 0.8, 1.0)):
        readings, _ = run(Season(count=1_000, rate=1_000, outliers=outliers))
        asked = CLASSIFIER.classify(matrix(readings))
        assert least <= sum(asked.out_of_distribution) / 1_000 <= most


def test_drift_outliers_and_gaps_are_what_was_asked_for() -> None:
    """A drift of 100 % an hour doubles a measurement in one; shares are shares."""
    plain, _ = run(Season(rate=0.1, count=361))
    drifted, _ = run(Season(rate=0.1, count=361, drift={"body_mass_g": 100.0}))
    assert drifted[360].body_mass_g == pytest.approx(2 * plain[360].body_mass_g, abs=0.2)
    assert drifted[0] == plain[0]
    shifted, _ = run(Season(count=400, outliers=0.25))
    calm, _ = run(Season(count=400))
    assert 60 < sum(one != other for one, other in zip(shifted, calm, strict=True)) < 140
    gappy, _ = run(Season(count=400, missing_rate=0.5))
    assert 150 < sum(None in each.model_dump().values() for each in gappy) < 250


def test_a_dry_run_writes_lines_that_a_stream_takes() -> None:
    """One JSON object a line; a drift that is none is a sentence."""
    done = CliRunner().invoke(app, ["simulate", "--count", "3", "--rate", "1000", "--dry-run"])
    assert [json.loads(line)["device_id"] for line in done.stdout.splitlines()] == [
        "device-1",
        "device-2",
        "device-3",
    ]
    with pytest.raises(UserError, match="one of bill_length_mm"):
        drifts(["beak=3"], ["bill_length_mm", "body_mass_g"])
