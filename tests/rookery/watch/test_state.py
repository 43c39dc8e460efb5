"""The page's picture: each reading counted once, in bounded memory, and drift told without bias."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rookery.schemas.envelope import Envelope
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Reason, Rejection
from rookery.schemas.testing import ReadingFactory
from rookery.watch.state import PageState
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.observability.drift import Drift

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CARD = load(SHIPPED).card


@pytest.fixture
def picture() -> PageState:
    return PageState(Drift(1000, lambda: CARD))


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


def test_a_reading_that_was_written_twice_counts_once(picture: PageState) -> None:
    """Delivery is at least once; totals are of readings, and repetitions are told apart."""
    picture.take([prediction("a"), prediction("b"), prediction("a")], [rejection("c"), rejection("c")])
    told = picture.told()
    assert told["totals"] == {"predicted": 2, "rejected": 1, "strange": 0, "repeated": 2}
    assert told["species"]["Adelie"] == 2
    assert sum(row[1] for row in told["seconds"]) == 2


def test_readings_of_one_moment_are_one_batch(picture: PageState) -> None:
    """Batch sizes need no worker: its readings have one time in common."""
    lines = [
        prediction(f"{nth}-{row}", predicted_at=NOON + timedelta(seconds=nth))
        for nth in range(3)
        for row in range(5)
    ]
    picture.take(lines, [])
    # The last batch may still grow.
    assert picture.told()["batches"] == {8: 2}


def test_seconds_hold_the_latency_from_publication(picture: PageState) -> None:
    """Each second says how long half and nearly all of its readings took."""
    picture.take(
        [prediction("a"), prediction("b", published_at=NOON - timedelta(seconds=2)), prediction("c")], []
    )
    (row,) = picture.told()["seconds"]
    assert row == [int(NOON.timestamp()), 3, 0, 40.0, 2000.0]


def test_only_the_newest_seconds_and_rejections_are_kept(picture: PageState) -> None:
    """A day of results takes no more memory than a minute of them."""
    picture.take(
        [prediction(f"{nth}", predicted_at=NOON + timedelta(seconds=nth)) for nth in range(1000)], []
    )
    picture.take([], [rejection(f"r{nth}", b"%d" % nth) for nth in range(300)])
    told = picture.told()
    assert len(told["seconds"]) == 300
    assert len(told["rejections"]) == 40
    newest = told["rejections"][0]["number"]
    kept = picture.original(newest)
    assert kept is not None
    assert base64.b64decode(kept.original) == b"299"
    assert picture.original(1) is None


def test_bills_and_drift_come_from_the_readings_that_predictions_repeat(picture: PageState) -> None:
    """Birds as in training do not drift; the same birds, measured in inches, do."""
    birds = ReadingFactory(5)
    fields = [birds.fields() for _ in range(600)]
    picture.take([prediction(f"a{nth}", features=each) for nth, each in enumerate(fields)], [])
    told = picture.told()
    assert len(told["birds"]) == 600
    assert told["birds"][0][:2] == [fields[0]["bill_length_mm"], fields[0]["bill_depth_mm"]]
    before = {each["feature"]: each["drifted"] for each in told["drift"]}
    assert not before["bill_length_mm"]
    inches = [{**each, "bill_length_mm": each["bill_length_mm"] / 2.54} for each in fields]
    picture.take([prediction(f"b{nth}", features=each) for nth, each in enumerate(inches)], [])
    after = {each["feature"]: each["drifted"] for each in picture.told()["drift"]}
    assert after["bill_length_mm"]
    assert not after["bill_depth_mm"]


def test_strange_birds_weigh_no_more_in_drift_than_among_all(picture: PageState) -> None:
    """Every strange bird is repeated and few others are: drift must not take that for a change of population."""
    birds = ReadingFactory(6)
    lines = []
    for nth in range(4000):
        strange = nth % 40 == 0
        features = birds.fields() if strange or nth % 10 == 0 else None
        if strange and features is not None:
            features["body_mass_g"] = 9000.0
        lines.append(prediction(f"{nth}", out_of_distribution=strange, features=features))
    picture.take(lines, [])
    (mass,) = [each for each in picture.told()["drift"] if each["feature"] == "body_mass_g"]
    assert 300 <= mass["rows"] <= 312
    assert not mass["drifted"]


def test_a_message_id_that_was_given_again_is_another_reading(picture: PageState) -> None:
    """Lines that a message id stands for, of today's form and of earlier ones, are told apart by publish time."""
    later = NOON + timedelta(hours=1)
    today = [Envelope("m", published_at=at).identity for at in (NOON, later)]
    picture.take([prediction("m"), prediction("m", published_at=later), prediction("m")], [])
    picture.take([prediction(name) for name in today], [])
    assert picture.told()["totals"]["predicted"] == 4
