"""The codec: strict, with every reason at once, and never a neighbour's loss."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.schemas.codec import DecodedTable, decode, encode
from rookery.schemas.reading import Reading
from rookery.schemas.rejection import Reason, UnusableReadingError
from rookery.schemas.table import MAX_ROWS
from rookery.schemas.testing import KINDS, ReadingFactory, invalid_examples
from tests.shipped import MEASUREMENTS

GOOD = {"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750}


def refusal(payload: bytes) -> tuple[Reason, ...]:
    with pytest.raises(UnusableReadingError) as refused:
        decode(payload)
    return refused.value.reasons


def table(payload: Any) -> DecodedTable:
    decoded = decode(json.dumps(payload).encode())
    assert isinstance(decoded, DecodedTable)
    return decoded


def test_a_reading_survives_the_way_there_and_back() -> None:
    """An encoded reading is decoded as the same reading, times in UTC."""
    reading = ReadingFactory(1).reading(
        reading_id="r", observed_at=datetime(2026, 11, 23, 12, tzinfo=UTC), sex=None
    )
    assert decode(encode(reading)) == reading


def test_a_table_survives_the_way_there_and_back() -> None:
    """All rows of a good table are usable, each where it stood."""
    sent = ReadingFactory(2).table(50, prefix="t")
    decoded = decode(encode(sent))
    assert isinstance(decoded, DecodedTable)
    assert (decoded.table, decoded.positions, decoded.refused) == (sent, range(50), ())


def test_a_time_with_an_offset_is_kept_in_utc() -> None:
    """The same moment is the same value, wherever the device stands."""
    decoded = decode(json.dumps({**GOOD, "observed_at": "2026-11-23T12:00:00+02:00"}).encode())
    assert isinstance(decoded, Reading)
    assert decoded.observed_at == datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize("kind", KINDS)
def test_every_invalid_payload_is_refused_with_a_reason(kind: str) -> None:
    """The refusal of an invalid reading says why."""
    one = next(each for each in invalid_examples(3) if each.kind == kind)
    assert all(reason.field and reason.rule for reason in refusal(one.payload))


@pytest.mark.parametrize(
    ("change", "field", "rule", "value"),
    [
        ({"wings": 2}, "wings", "unknown field", "2"),
        ({"body_mass_g": "3750"}, "body_mass_g", "a number is needed", '"3750"'),
        ({"flipper_length_mm": True}, "flipper_length_mm", "a number is needed", "true"),
        ({"bill_depth_mm": float("nan")}, "bill_depth_mm", "a finite number is needed", "NaN"),
        ({"body_mass_g": float("inf")}, "body_mass_g", "a finite number is needed", "Infinity"),
        ({"body_mass_g": -1}, "body_mass_g", "at least 50 is needed", "-1"),
        ({"flipper_length_mm": 2170}, "flipper_length_mm", "at most 500 is possible", "2170"),
        ({"sex": "f"}, "sex", "one of 'female' or 'male' is needed", '"f"'),
        ({"island": "Penguin"}, "island", "one of 'Biscoe', 'Dream' or 'Torgersen' is needed", '"Penguin"'),
        ({"year": 2008.5}, "year", "a whole number is needed", "2008.5"),
        ({"year": True}, "year", "a whole number is needed", "true"),
        ({"reading_id": ""}, "reading_id", "at least one character is needed", '""'),
        ({"reading_id": 7}, "reading_id", "text is needed", "7"),
        ({"device_id": "a\nb"}, "device_id", "text without control characters is needed", '"a\nb"'),
        ({"reading_id": "a\x9b1m"}, "reading_id", "text without control characters is needed", '"a\x9b1m"'),
        ({"year": 2007.0}, "year", "a whole number is needed", "2007.0"),
        ({"year": "2007"}, "year", "a whole number is needed", '"2007"'),
        ({"observed_at": 39402}, "observed_at", "text is needed", "39402"),
    ],
)
def test_a_refusal_names_field_rule_and_value(
    change: dict[str, Any], field: str, rule: str, value: str
) -> None:
    """A reason names the field, the violated rule and the offending value."""
    assert refusal(json.dumps({**GOOD, **change}).encode()) == (Reason(field=field, rule=rule, value=value),)


def test_every_reason_is_given_at_once() -> None:
    """All reasons are reported at once, so that a reading can be fixed in one attempt."""
    wrong = {**GOOD, "body_mass_g": -1, "sex": "f", "wings": 2, "year": "2007"}
    assert {reason.field for reason in refusal(json.dumps(wrong).encode())} == {
        "body_mass_g",
        "sex",
        "wings",
        "year",
    }


@pytest.mark.parametrize("known", MEASUREMENTS)
def test_one_measurement_of_the_four_is_enough(known: str) -> None:
    """A reading with one measurement can be classified, all else unknown."""
    assert isinstance(decode(json.dumps({known: GOOD[known]}).encode()), Reading)


def test_no_measurement_at_all_is_refused() -> None:
    """Sex, island and year alone are no observation."""
    reasons = refusal(json.dumps({"sex": "male", "year": 2007, "bill_length_mm": None}).encode())
    assert [reason.rule for reason in reasons] == [
        "at least one of bill_length_mm, bill_depth_mm, flipper_length_mm, body_mass_g is needed"
    ]


def test_a_bad_row_of_a_table_is_refused_alone() -> None:
    """Its neighbours keep their places, and it can be fixed as a reading of its own."""
    decoded = table(
        {
            "bill_length_mm": [39.1, None, "x", 40, -1],
            "bill_depth_mm": [18, None, 17, True, 3],
            "sex": ["male", "female", None, "f", None],
            "reading_id": ["a", "b", "c", "d", "e"],
        }
    )
    assert decoded.positions == [0]
    assert decoded.table is not None
    assert decoded.table.reading_id == ["a"]
    assert [(one.row, one.reading_id) for one in decoded.refused] == [(1, "b"), (2, "c"), (3, "d"), (4, "e")]
    assert {reason.field for reason in decoded.refused[2].reasons} == {"bill_depth_mm", "sex"}
    assert json.loads(base64.b64decode(decoded.refused[1].original)) == {
        "bill_length_mm": "x",
        "bill_depth_mm": 17,
        "reading_id": "c",
    }


def test_a_table_of_bad_rows_only_has_no_usable_table() -> None:
    """Every row is refused, none is lost."""
    decoded = table({"bill_length_mm": [None, -1], "sex": ["male", "male"]})
    assert decoded.table is None
    assert [one.row for one in decoded.refused] == [0, 1]


@pytest.mark.parametrize(
    ("broken", "field", "rule"),
    [
        ({"bill_length_mm": [40, 41], "year": [2007]}, "reading", "bill_length_mm 2, year 1"),
        ({"bill_length_mm": [40, "x"], "year": [2007]}, "table", "bill_length_mm 2, year 1"),
        ({"bill_length_mm": [], "year": []}, "bill_length_mm", "at least one row is needed"),
        ({"bill_length_mm": [40], "wings": [2]}, "wings", "unknown field"),
        ({"bill_length_mm": [40], "year": 2007}, "year", "an array is needed in a table"),
        ({"bill_length_mm": [40] * (MAX_ROWS + 1)}, "bill_length_mm", "at most 100000 rows are possible"),
    ],
)
def test_a_table_that_is_wrong_as_a_whole_is_refused_whole(
    broken: dict[str, Any], field: str, rule: str
) -> None:
    """Unequal columns, unknown columns and empty tables leave no row to trust."""
    assert any(each.field == field and rule in each.rule for each in refusal(json.dumps(broken).encode()))


def test_an_unknown_schema_version_is_refused_by_its_number() -> None:
    """A message from the future is explained, not guessed at."""
    with pytest.raises(UnusableReadingError, match="schema version 1 is needed"):
        decode(json.dumps(GOOD).encode(), version="2")


def test_a_bracket_in_a_name_does_not_make_a_table() -> None:
    """Only arrays do."""
    decoded = decode(json.dumps({**GOOD, "device_id": "mast[2]"}).encode())
    assert isinstance(decoded, Reading)
    assert decoded.device_id == "mast[2]"


def test_numbers_of_thousands_of_digits_and_bottomless_nesting_are_refused() -> None:
    """Hostile JSON is a rejection like any other."""
    for payload in (b'{"year":' + b"9" * 6000 + b"}", b"[" * 100_000, b'{"year":[' + b"9" * 4000 + b"]}"):
        assert refusal_or_rows(payload)


def refusal_or_rows(payload: bytes) -> bool:
    try:
        decoded = decode(payload)
    except UnusableReadingError as unusable:
        return bool(unusable.reasons)
    return isinstance(decoded, DecodedTable) and decoded.table is None


CELLS = st.one_of(st.none(), st.floats(), st.integers(), st.booleans(), st.text(max_size=5), st.just(40))


@given(st.dictionaries(st.sampled_from([*GOOD, "sex", "year", "wings"]), CELLS | st.lists(CELLS, max_size=4)))
def test_any_json_ends_as_answers_or_reasons_and_every_row_is_accounted_for(raw: dict[str, Any]) -> None:
    """No JSON makes the codec raise anything but Unusable, and rows are usable or refused, never both or none."""
    try:
        decoded = decode(json.dumps(raw).encode())
    except UnusableReadingError:
        return
    if isinstance(decoded, DecodedTable):
        rows = max(len(column) for column in raw.values() if isinstance(column, list))
        assert sorted([*decoded.positions, *(one.row or 0 for one in decoded.refused)]) == list(range(rows))


@given(st.binary(max_size=200))
def test_any_bytes_end_as_a_reading_or_reasons(payload: bytes) -> None:
    """No bytes make the codec raise anything but Unusable."""
    assert refusal_or_rows(payload) or isinstance(decode(payload), Reading | DecodedTable)


def test_a_row_taken_from_a_table_is_the_reading_that_it_was() -> None:
    """Columns and rows are two views of the same readings."""
    penguins = ReadingFactory(5).readings(4, prefix="b")
    columns = {
        name: [getattr(penguin, name) for penguin in penguins]
        for name in (*GOOD, "sex", "year", "island", "reading_id")
    }
    decoded = table(columns)
    assert decoded.table is not None
    assert [decoded.table.row(row) for row in range(4)] == penguins


def test_the_same_seed_spoils_the_same_way() -> None:
    """Builders are seeded: a failure can be repeated."""
    assert list(islice(invalid_examples(9), 30)) == list(islice(invalid_examples(9), 30))
    assert ReadingFactory(9).readings(5) == ReadingFactory(9).readings(5)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_that_utc_cannot_hold_is_a_reason(time: str) -> None:
    """The edges of time are refused in words, alone and in a table."""
    with pytest.raises(UnusableReadingError, match="a time from year 1 to year 9999 in UTC is needed"):
        decode(json.dumps({"bill_length_mm": 40, "observed_at": time}).encode())
    decoded = decode(json.dumps({"bill_length_mm": [40, 41], "observed_at": [time, None]}).encode())
    assert isinstance(decoded, DecodedTable)
    assert [each.row for each in decoded.refused] == [0]
