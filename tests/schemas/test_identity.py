"""Identity: one reading has one, however often it is delivered; another reading has another."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rookery.schemas.envelope import Envelope, InvalidEnvelopeError, published, wrapped
from rookery.schemas.identity import _delivered, _remembered, identity, known_as, stands_in
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MESSAGE = Envelope("1", data="e30=", published_at=NOON, subscription="projects/p/subscriptions/s")


def line(
    reading_id: str, *, message_id: str = "1", row: int | None = None, at: datetime = NOON
) -> Prediction:
    return Prediction(
        reading_id=reading_id,
        message_id=message_id,
        row=row,
        species="Gentoo",
        probability=1.0,
        probabilities={"Gentoo": 1.0},
        out_of_distribution=False,
        model="d1",
        published_at=at,
        predicted_at=at,
    )


def test_identity_is_the_readings_own_else_the_messages_with_its_row() -> None:
    """A reading is always known by something that a redelivery does not change."""
    assert identity("own", "m1", 3) == "own"
    assert identity(None, "m1") == "m1"
    assert identity(None, "m1", 3) == "m1/3"


@pytest.mark.parametrize(
    "other",
    [
        replace(MESSAGE, message_id="2"),
        replace(MESSAGE, subscription="projects/p/subscriptions/t"),
        replace(MESSAGE, published_at=NOON + timedelta(microseconds=1)),
        replace(MESSAGE, published_at=None),
    ],
    ids=["message id", "subscription", "publish time", "no publish time"],
)
def test_a_message_is_known_by_its_id_its_subscription_and_its_publish_time(other: Envelope) -> None:
    """A difference in one of them makes another message."""
    assert other.identity != MESSAGE.identity


def test_a_redelivery_is_known_as_the_message() -> None:
    """Its number, its order and the form of the push are no part of it."""
    again = replace(MESSAGE, delivery_attempt=7, ordering_key="k", data="", body=b"{}")
    assert again.identity == MESSAGE.identity
    undated = replace(MESSAGE, published_at=None)
    assert replace(undated, data="", body=b"{}").identity == undated.identity
    assert replace(undated, data="e2E=").identity != undated.identity
    assert replace(undated, data="no base64!").identity == replace(undated, data="no base64!").identity


@pytest.mark.parametrize("row", [None, 0, 17])
def test_a_line_says_whether_its_message_stands_in(row: int | None) -> None:
    """In the form of today, with a publish time or without, and in that of earlier result files."""
    undated = replace(MESSAGE, published_at=None)
    for stand_in in (MESSAGE.identity, undated.identity, "1"):
        assert stands_in(line(identity(None, stand_in, row), row=row))
    for own in ("own", "1-2", "1/1", f"{MESSAGE.identity}-2"):
        assert not stands_in(line(own, row=row))


def test_lines_of_earlier_versions_are_distinguished_by_their_publish_times() -> None:
    """A bare message id was written for several messages; a reading's own id means one, whenever it was published."""
    later = NOON + timedelta(hours=1)
    assert known_as(line("1")) == known_as(line("1")) != known_as(line("1", at=later))
    assert known_as(line("1/0", row=0)) != known_as(line("1/0", row=0, at=later))
    assert known_as(line("own")) == known_as(line("own", message_id="2", at=later)) == "own"
    refused = Rejection(
        reasons=(),
        original="",
        reading_id="1",
        message_id="1",
        rejected_at=NOON,
        revision="r",
        published_at=NOON,
    )
    assert known_as(refused) == known_as(line("1"))


def test_no_push_makes_the_memory_of_identities_grow_by_more_than_a_name() -> None:
    """Neither a subscription of a megabyte nor a second of a million digits is remembered."""
    before = (
        _delivered.cache_info().currsize,
        _remembered.cache_info().currsize,
        published.cache_info().currsize,
    )
    longer = replace(MESSAGE, subscription="s" * 1_000_000)
    assert longer.identity != replace(MESSAGE, subscription="s" * 1_000_001).identity
    assert longer.identity == replace(longer, delivery_attempt=2).identity
    message = {"messageId": "1", "publishTime": f"2026-11-23T12:00:00.{'0' * 1_000_000}Z"}
    with pytest.raises(InvalidEnvelopeError, match="publishTime"):
        wrapped(json.dumps({"message": message, "subscription": "s"}).encode())
    after = (
        _delivered.cache_info().currsize,
        _remembered.cache_info().currsize,
        published.cache_info().currsize,
    )
    assert after == before
