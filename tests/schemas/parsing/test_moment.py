"""Moment: RFC 3339 or a reason, whichever way a time comes in, and everywhere the same time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rookery.schemas.codec import DecodedTable, decode, encode
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import InvalidEnvelopeError, unwrapped, wrapped
from rookery.schemas.parsing.moment import EDGES, OFFSET, RULE, parse
from rookery.schemas.prediction import Prediction
from rookery.schemas.reading import Reading
from rookery.schemas.rejection import UnusableReadingError
from rookery.worker.decoding.table_reader import table_reader

OTHER_TIMES: Final = [
    "20071111",
    "2007",
    "39402",
    "200711110930",
    "1e9",
    "1000000000.5",
    "-1",
    "2007-11-11",
    "09:30:00Z",
    "2007-11-11T09:30Z",
    "2007-11-11T09Z",
    "20071111T093000Z",
    "2007-W45-7T09:30:00Z",
    "2007-315T09:30:00Z",
    "2007-11-11T09:30:00",
    "2007-11-11T09:30:00,5Z",
    "2007-11-11T09:30:00.Z",
    "2007-11-11T09:30:00+0100",
    "2007-11-11T09:30:00+01",
    "2007-11-11T09:30:00+24:00",
    "2007-11-11T09:30:00+01:60",
    "2007-11-11T09:30:00\u221201:00",
    "2007-11-11T09:30:00 Z",
    "2007-11-11T09:30:00 UTC",
    "2007-11-11T09:30:60Z",
    "2007-11-11T24:00:00Z",
    "2007-02-29T09:30:00Z",
    "2007-13-11T09:30:00Z",
    "0000-11-11T09:30:00Z",
    "2007-11-11_09:30:00Z",
    "2007-11-11x09:30:00Z",
    "2007-11-11  09:30:00Z",
    "\u0662\u0660\u0660\u0667-11-11T09:30:00Z",
    "\uff12\uff10\uff10\uff17-11-11T09:30:00Z",
    "+2007-11-11T09:30:00Z",
    "12007-11-11T09:30:00Z",
    "Sun, 11 Nov 2007 09:30:00 GMT",
    "11/11/2007 09:30",
    "yesterday",
    "P1D",
    "infinity",
    "",
    " 2007-11-11T09:30:00Z",
    "2007-11-11T09:30:00Z ",
    "2007-11-11T09:30:00Z\n",
    "2007-11-11T09:30:00Z\x00",
]

NOON: Final = datetime(2007, 11, 11, 12, tzinfo=UTC)
TIMES: Final = {
    "2007-11-11T09:30:00Z": datetime(2007, 11, 11, 9, 30, tzinfo=UTC),
    "2007-11-11t09:30:00z": datetime(2007, 11, 11, 9, 30, tzinfo=UTC),
    "2007-11-11 09:30:00+00:00": datetime(2007, 11, 11, 9, 30, tzinfo=UTC),
    "2007-11-11T09:30:00-00:00": datetime(2007, 11, 11, 9, 30, tzinfo=UTC),
    "2007-11-11T09:30:00.5+05:45": datetime(2007, 11, 11, 3, 45, 0, 500_000, tzinfo=UTC),
    "2007-11-11T09:30:00.123456789Z": datetime(2007, 11, 11, 9, 30, 0, 123_456, tzinfo=UTC),
    "2008-02-29T23:59:59-23:59": datetime(2008, 3, 1, 23, 58, 59, tzinfo=UTC),
}


def read(text: str) -> datetime | None:
    """The time that a text is read as, None where it is refused."""
    try:
        return parse(text)
    except ValueError:
        return None


def as_reading(text: str) -> datetime | None:
    try:
        reading = decode(json.dumps({"bill_length_mm": 39.1, "observed_at": text}).encode())
    except UnusableReadingError:
        return None
    assert isinstance(reading, Reading)
    return reading.observed_at


def as_row(text: str) -> datetime | None:
    """In the second row of a table, whose first one must be usable whatever the second is."""
    decoded = decode(json.dumps({"bill_length_mm": [39.1, 40], "observed_at": [None, text]}).encode())
    assert isinstance(decoded, DecodedTable)
    assert decoded.table is not None
    assert decoded.table.observed_at is not None
    assert len(decoded.table.observed_at) + len(decoded.refused) == 2
    return None if decoded.refused else decoded.table.observed_at[1]


def as_large_table(text: str) -> datetime | None:
    """In a table that is large enough to be read by columns."""
    rows = 600
    table = {"bill_length_mm": [39.1] * rows, "observed_at": [text] * rows}
    found = table_reader(default_compiled()).read(json.dumps(table, separators=(",", ":")).encode())
    return None if found is None or found.observed_at is None else found.observed_at[-1]


def as_publish_time(text: str) -> datetime | None:
    body = json.dumps({"message": {"messageId": "1", "publishTime": text}, "subscription": "s"}).encode()
    try:
        return wrapped(body).published_at
    except InvalidEnvelopeError:
        return None


def as_header(text: str) -> datetime | None:
    headers = {"x-goog-pubsub-message-id": "1", "x-goog-pubsub-publish-time": text}
    try:
        return unwrapped(b"", headers).published_at
    except InvalidEnvelopeError:
        return None


def as_line(text: str) -> datetime | None:
    line: dict[str, Any] = {
        "reading_id": "r",
        "message_id": "m",
        "species": "Gentoo",
        "probability": 1.0,
        "probabilities": {"Gentoo": 1.0},
        "out_of_distribution": False,
        "model": "d",
        "predicted_at": text,
    }
    try:
        return Prediction.model_validate_json(json.dumps(line)).predicted_at
    except ValidationError:
        return None


WAYS: Final = [as_reading, as_row, as_large_table, as_publish_time, as_header, as_line]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", OTHER_TIMES)
def test_what_rfc_3339_does_not_write_is_refused(way: Any, text: str) -> None:
    """Digits, days, weeks, other scripts, spaces around it, leap seconds: a reason, never another time."""
    assert way(text) is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", TIMES)
def test_what_rfc_3339_writes_is_the_time_that_it_says(way: Any, text: str) -> None:
    """In small letters too, with a space for the T, with any offset, and cut to microseconds."""
    assert way(text) == TIMES[text]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("20071111", RULE),
        ("2007-02-30T09:30:00Z", f"{RULE}: day is out of range for month"),
        ("2007-11-11T09:30:00", OFFSET),
        ("0001-01-01T00:00:00+14:00", EDGES),
    ],
)
def test_the_reason_says_which_rule_was_broken(text: str, rule: str) -> None:
    """With the value as it was written."""
    with pytest.raises(UnusableReadingError) as error:
        decode(json.dumps({"bill_length_mm": 39.1, "observed_at": text}).encode())
    (reason,) = error.value.reasons
    assert (reason.field, reason.rule, reason.value) == ("observed_at", rule, f'"{text}"')


def test_a_push_says_what_is_wrong_with_its_time() -> None:
    """In words of the rule alone."""
    body = b'{"message": {"messageId": "1", "publishTime": "39402"}, "subscription": "s"}'
    with pytest.raises(
        InvalidEnvelopeError, match=f"^a Pub/Sub push envelope is needed: message.publishTime: {RULE}$"
    ):
        wrapped(body)


@pytest.mark.parametrize("number", [20071111, 39402, 1e9, 0, True, [2007], {"seconds": 1}])
def test_a_number_is_no_time(number: object) -> None:
    """Neither of an observation nor of a publication."""
    with pytest.raises(UnusableReadingError):
        decode(json.dumps({"bill_length_mm": 39.1, "observed_at": number}).encode())
    with pytest.raises(InvalidEnvelopeError, match=r"needed: message\.publishTime: "):
        wrapped(
            json.dumps({"message": {"messageId": "1", "publishTime": number}, "subscription": "s"}).encode()
        )


@pytest.mark.parametrize("value", ["20071111", "2007-11-11T09:30:00Z", 1e9, 39402, NOON.replace(tzinfo=None)])
def test_in_python_text_numbers_and_times_without_offset_are_no_time(value: Any) -> None:
    """A datetime without a UTC offset is refused when a reading is made."""
    with pytest.raises(ValidationError):
        Reading(bill_length_mm=39.1, observed_at=value)


def test_in_python_an_aware_datetime_is_kept_in_utc() -> None:
    """Wherever it was made; its JSON is read as the same reading."""
    reading = Reading(bill_length_mm=39.1, observed_at=NOON.astimezone(timezone(timedelta(hours=1))))
    assert reading.observed_at == NOON
    assert reading.model_dump(mode="json")["observed_at"] == "2007-11-11T12:00:00Z"
    assert decode(encode(reading)) == reading


MUTATIONS: Final = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(0, 3), st.text("0123456789TtZz:.,+- \u2212\u0661W_", max_size=3)
    ),
    max_size=3,
)


@given(st.datetimes(timezones=st.timezones()), st.sampled_from(["T", "t", " "]), MUTATIONS)
def test_all_ways_in_read_the_same_time_or_none(
    moment: datetime, separator: str, mutations: list[tuple[int, int, str]]
) -> None:
    """The readers written by hand and those of pydantic agree about every mutation of a time."""
    text = moment.isoformat(separator)
    for place, cut, put in mutations:
        text = text[:place] + put + text[place + cut :]
    found = read(text)
    assert {way(text) for way in WAYS if way is not as_line} == {found}
    # A line keeps what was written where UTC has no such time.
    assert as_line(text) == found or (found is None and as_line(text) is not None and edge(text))


def edge(text: str) -> bool:
    """Whether a time is refused only because UTC cannot hold it."""
    with pytest.raises(ValueError, match=EDGES):
        parse(text)
    return True
