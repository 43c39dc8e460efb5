"""The page's state: each reading counted once, in bounded memory, and drift measured without bias."""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import Envelope
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Reason, Rejection
from rookery.schemas.testing import ReadingFactory
from rookery.watch.state import PageState
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.observability.drift import Drift

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CARD = load(SHIPPED).card


@pytest.fixture
def state() -> PageState:
    return PageState(Drift(1000, lambda: CARD), default_compiled())


def prediction(reading_id: str, **fields: Any) -> Prediction:
    known = {
        "message_id": "m",
        "species": "Adelie",
        "probability": 0.9,
        "probabilities": {"Adelie": 0.9},
        "out_of_distribution": False,
        "model": "abc",
        "published_at": NOON - timedelta(milliseconds=40),
        "predicted_at": NOON,
    }
    return Prediction(reading_id=reading_id, **{**known, **fields})


def rejection(reading_id: str, original: bytes = b"{}") -> Rejection:
    return Rejection(
        reasons=(Reason(field="sex", rule="one of 'female' or 'male' is needed", value='"f"'),),
        original=base64.b64encode(original).decode(),
        reading_id=reading_id,
        message_id="m",
        rejected_at=NOON,
        revision="r1",
    )


def test_a_reading_that_was_written_twice_counts_once(state: PageState) -> None:
    """Delivery is at least once; totals count readings, and duplicates are counted apart."""
    state.take([prediction("a"), prediction("b"), prediction("a")], [rejection("c"), rejection("c")])
    shown = state.snapshot()
    assert shown["totals"] == {"predicted": 2, "rejected": 1, "out_of_distribution": 0, "duplicates": 2}
    assert shown["labels"]["Adelie"] == 2
    assert sum(row[1] for row in shown["seconds"]) == 2


def test_readings_of_one_moment_are_one_batch(state: PageState) -> None:
    """Batch sizes need no worker: its readings have one time in common."""
    lines = [
        prediction(f"{nth}-{row}", predicted_at=NOON + timedelta(seconds=nth))
        for nth in range(3)
        for row in range(5)
    ]
    state.take(lines, [])
    assert state.snapshot()["batches"] == {8: 3}
    # The newest batch may still grow.
    state.take([prediction(f"2-{row}", predicted_at=NOON + timedelta(seconds=2)) for row in range(5, 9)], [])
    assert state.snapshot()["batches"] == {8: 2, 16: 1}


def test_seconds_hold_the_latency_from_publication(state: PageState) -> None:
    """Each second has p50 and p99 of its readings' latency."""
    state.take(
        [prediction("a"), prediction("b", published_at=NOON - timedelta(seconds=2)), prediction("c")], []
    )
    (row,) = state.snapshot()["seconds"]
    assert row == [int(NOON.timestamp()), 3, 0, 40.0, 2000.0]


def test_percentiles_are_over_every_reading_of_a_burst(state: PageState) -> None:
    """In a burst of 10,000 readings p50 and p99 are within 5 % of the exact ones, for a second as for the window."""
    waits = [[5e-5 * nth for nth in range(1, 5_001)], [1e-3 * nth for nth in range(1, 5_001)]]
    for second, each in enumerate(waits):
        at = NOON + timedelta(seconds=second)
        state.take(
            [
                prediction(f"{second}-{nth}", predicted_at=at, published_at=at - timedelta(seconds=wait))
                for nth, wait in enumerate(each)
            ],
            [],
        )
    shown = state.snapshot(now=NOON.timestamp() + 1)
    for row, each in zip(shown["seconds"], waits, strict=True):
        assert row[3:] == pytest.approx([exact(each, 0.50), exact(each, 0.99)], rel=0.05)
    both = waits[0] + waits[1]
    window = shown["window"]
    assert (window["p50_ms"], window["p99_ms"]) == pytest.approx(
        (exact(both, 0.50), exact(both, 0.99)), rel=0.05
    )
    assert (window["predicted"], window["timed"], window["busiest"]) == (10_000, 10_000, 5_000)


def exact(seconds: list[float], share: float) -> float:
    """A percentile in milliseconds by nearest rank."""
    return 1000 * sorted(seconds)[math.ceil(share * len(seconds)) - 1]


def test_throughput_is_zero_when_nothing_comes(state: PageState) -> None:
    """The rate is over the ten seconds before now, while the charts stay where the latest result is."""
    state.take([prediction(f"{nth}") for nth in range(30)], [rejection("r")])
    noon = NOON.timestamp()
    assert state.snapshot(now=noon + 5)["window"]["rate"] == 3.1
    later = state.snapshot(now=noon + 360)["window"]
    assert later["rate"] == 0
    assert (later["from"], later["to"]) == (noon + 1 - 120, noon + 1)
    assert (later["predicted"], later["rejected"]) == (30, 1)


def test_memory_is_bounded_for_weeks() -> None:
    """Duplicates are found among the newest readings, and the names of unknown fields are counted up to a bound."""
    state = PageState(Drift(1000, lambda: CARD), default_compiled(), remembered=100)
    state.take([prediction(f"{nth}") for nth in range(1_000)], [])
    assert len(state._known) <= 200
    state.take([prediction(f"{nth}") for nth in range(900, 1_000)], [])
    assert state.snapshot()["totals"]["duplicates"] == 100
    state.take([], [replaced(nth) for nth in range(3_000)])
    assert len(state._reasons) <= 1_001
    assert state.snapshot()["reasons"][0] == {
        "field": "other fields",
        "rule": "several rules",
        "count": 2_000,
    }


def replaced(nth: int) -> Rejection:
    reasons = (Reason(field=f"field-{nth}", rule="unknown field", value="1"),)
    return rejection(f"r{nth}").model_copy(update={"reasons": reasons})


def test_the_points_are_a_random_sample_with_its_share_of_outliers(state: PageState) -> None:
    """The worker writes the features of every outlier and few other readings: the picture must not show 30 % of outliers where 1 % is."""
    factory = ReadingFactory(7)
    state.take(
        [
            prediction(
                f"{nth}",
                out_of_distribution=nth % 100 == 0,
                features=factory.fields() if nth % 100 == 0 or nth % 40 == 1 else None,
            )
            for nth in range(20_000)
        ],
        [],
    )
    shown = state.snapshot()
    assert shown["readings_with_features"] == 200 + 500
    outliers = sum(row[3] for row in shown["readings"])
    assert (len(shown["readings"]), outliers) == (505, 5)


def test_a_day_is_that_of_observation_in_utc(state: PageState) -> None:
    """A reading of an evening west of Greenwich counts for the day that its result line's UTC times count for."""
    evening = datetime(2026, 11, 22, 20, tzinfo=timezone(timedelta(hours=-8)))
    state.take([prediction("a", observed_at=evening), prediction("b", published_at=NOON - DAY)], [])
    assert state.snapshot()["days"] == {"2026-11-23": {"Adelie": 1}, "2026-11-22": {"Adelie": 1}}


def test_only_the_newest_seconds_and_rejections_are_kept(state: PageState) -> None:
    """A day of results takes no more memory than a minute of them."""
    state.take([prediction(f"{nth}", predicted_at=NOON + timedelta(seconds=nth)) for nth in range(1000)], [])
    state.take([], [rejection(f"r{nth}", b"%d" % nth) for nth in range(300)])
    shown = state.snapshot()
    assert len(shown["seconds"]) == 300
    assert len(shown["rejections"]) == 40
    newest = shown["rejections"][0]["number"]
    kept = state.original(newest)
    assert kept is not None
    assert base64.b64decode(kept.original) == b"299"
    assert state.original(1) is None


def test_bills_and_drift_come_from_sampled_readings(state: PageState) -> None:
    """Readings like the training data do not drift; the same readings, measured in inches, do."""
    factory = ReadingFactory(5)
    fields = [factory.fields() for _ in range(600)]
    state.take([prediction(f"a{nth}", features=each) for nth, each in enumerate(fields)], [])
    shown = state.snapshot()
    measured = [[each["bill_length_mm"], each["bill_depth_mm"]] for each in fields]
    assert sorted(row[:2] for row in shown["readings"]) == sorted(measured)
    before = {each["feature"]: each["drifted"] for each in shown["drift"]}
    assert not before["bill_length_mm"]
    inches = [{**each, "bill_length_mm": each["bill_length_mm"] / 2.54} for each in fields]
    state.take([prediction(f"b{nth}", features=each) for nth, each in enumerate(inches)], [])
    after = {each["feature"]: each["drifted"] for each in state.snapshot()["drift"]}
    assert after["bill_length_mm"]
    assert not after["bill_depth_mm"]


def test_outliers_weigh_no_more_in_drift_than_among_all(state: PageState) -> None:
    """The worker samples every outlier and few other readings: drift must not report that as a change of population."""
    factory = ReadingFactory(6)
    lines = []
    for nth in range(4000):
        outlier = nth % 40 == 0
        features = factory.fields() if outlier or nth % 10 == 0 else None
        if outlier and features is not None:
            features["body_mass_g"] = 9000.0
        lines.append(prediction(f"{nth}", out_of_distribution=outlier, features=features))
    state.take(lines, [])
    (mass,) = [each for each in state.snapshot()["drift"] if each["feature"] == "body_mass_g"]
    assert 300 <= mass["rows"] <= 312
    assert not mass["drifted"]


def test_a_reused_message_id_is_another_reading(state: PageState) -> None:
    """Publish time distinguishes lines that a message id identifies, in today's form and in earlier ones."""
    later = NOON + timedelta(hours=1)
    today = [Envelope("m", published_at=at).identity for at in (NOON, later)]
    state.take([prediction("m"), prediction("m", published_at=later), prediction("m")], [])
    state.take([prediction(name) for name in today], [])
    assert state.snapshot()["totals"]["predicted"] == 4
