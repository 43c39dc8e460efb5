"""NDJSON streams: readings and tables as they come, every bad line explained."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.stream.ndjson import ndjson_readings
from rookery.schemas.codec import encode
from rookery.schemas.parsing.moment import RULE
from rookery.schemas.table import ReadingTable
from rookery.schemas.testing import ReadingFactory, invalid_examples


def read(*lines: bytes) -> list[object]:
    raw = io.BytesIO(b"\n".join(lines))
    return list(ndjson_readings(io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape")))


def test_what_was_encoded_is_read_again() -> None:
    """A line per reading or table gives them back; blank lines are nothing."""
    factory = ReadingFactory(seed=1)
    reading, table = factory.reading(reading_id="é"), factory.table(3)
    assert read(encode(reading), b"", encode(table), b"  ") == [reading, table]


def test_every_invalid_line_is_a_bad_row() -> None:
    """An invalid line is reported with its number, and no other line is affected."""
    ways = invalid_examples(seed=2)
    payloads = [payload for payload in (next(ways).payload for _ in range(21)) if payload]
    good = encode(ReadingFactory(seed=3).reading())
    *bad, last = read(*payloads, good)
    assert encode(last) == good
    assert [each.line for each in bad] == list(range(1, len(payloads) + 1))
    assert all(isinstance(each, BadRow) and each.reasons for each in bad)
    "".join(f"{each}{each.text}" for each in bad).encode()


def test_a_bad_row_of_a_table_costs_itself_alone() -> None:
    """The row is reported with its position and its own text; the rest of the table is published."""
    bad, table = read(b'{"bill_length_mm": [39.1, -1, 40.3], "sex": ["male", "male", null]}')
    assert str(bad) == "line 1: row 1, bill_length_mm: at least 5 is needed, not -1"
    assert bad.text == '{"bill_length_mm":-1,"sex":"male"}'
    assert table.bill_length_mm == [39.1, 40.3]


def test_digits_are_no_time_in_a_stream() -> None:
    """Neither in a reading nor in a table's row, whose neighbour is published."""
    alone, row, table = read(
        b'{"bill_length_mm": 39.1, "observed_at": "20071111"}',
        b'{"bill_length_mm": [39.1, 40], "observed_at": ["39402", "2007-11-11T09:30:00Z"]}',
    )
    assert str(alone) == f'line 1: observed_at: {RULE}, not "20071111"'
    assert str(row) == f'line 2: row 0, observed_at: {RULE}, not "39402"'
    assert isinstance(table, ReadingTable)
    assert table.rows == 1


PENGUINS = [{"bill_length_mm": 39.1}, {"bill_length_mm": 40.1, "sex": "male"}, {"bill_length_mm": [41, 42]}]


@pytest.mark.parametrize("indent", [None, 0, 1, 4])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n  \r\n"])
def test_one_array_is_its_elements(indent: int | None, before: bytes) -> None:
    """A stream that is one JSON array, however it is laid out, is each of its readings and tables."""
    read_as_lines = read(*(json.dumps(penguin).encode() for penguin in PENGUINS))
    assert read(before + json.dumps(PENGUINS, indent=indent).encode() + b" \n") == read_as_lines


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_costs_no_reading(end: bytes) -> None:
    """As Windows writes it: every line is read, the first one too, and counted from 1."""
    lines = [b"\xef\xbb\xbf" + json.dumps(PENGUINS[0]).encode(), b"", json.dumps(PENGUINS[1]).encode(), b"{}"]
    first, second, bad = read(end.join(lines))
    assert [first, second] == read(*(json.dumps(penguin).encode() for penguin in PENGUINS[:2]))
    assert bad.line == 4


def test_utf_16_is_refused_whole() -> None:
    """It is named, and nothing of it is taken for a line."""
    with pytest.raises(BadFileError, match="UTF-8 is needed, not UTF-16"):
        read(json.dumps(PENGUINS[0]).encode("utf-16"))


@pytest.mark.parametrize(
    ("text", "count", "line", "why"),
    [
        (b'[\n{"bill_length_mm": 39.1}\n{"bill_length_mm": 40.1}]', 1, 3, "a comma or the end of the array"),
        (b'[{"bill_length_mm": 39.1},\n{"bill_length_mm": 40.1', 1, 2, "JSON is needed"),
        (b'[{"bill_length_mm": 39.1},\n\n oops]', 1, 3, "JSON is needed"),
        (b'[{"bill_length_mm": 39.1}]\n{"bill_length_mm": 40.1}', 1, 2, "nothing may follow the array"),
        (b'[{"bill_length_mm": 39.1}', 1, 1, "a comma or the end of the array"),
        (b"[" * 100_000, 0, 1, "JSON is needed"),
    ],
)
def test_a_broken_array_is_reported_where_it_breaks(text: bytes, count: int, line: int, why: str) -> None:
    """The elements before it are read, and the bad row says that the rest was not."""
    *readings, bad = read(text)
    assert (len(readings), bad.line) == (count, line)
    assert str(bad).startswith(f"line {line}: array: {why}")
    assert str(bad).endswith("the rest was not read")


def test_an_element_that_is_no_reading_costs_itself_alone() -> None:
    """As a line does; and an array of numbers is a bad line among others."""
    one, bad, other = read(b'[{"bill_length_mm": 39.1},\n3,\n{"bill_length_mm": 40.1}]')
    assert [one.bill_length_mm, bad.line, other.bill_length_mm] == [39.1, 2, 40.1]
    bad, good = read(b"[39.1, 18.7]", b'{"bill_length_mm": 39.1}')
    assert (bad.line, good.bill_length_mm) == (1, 39.1)


def test_an_array_is_read_in_bounded_memory() -> None:
    """60,000 readings in one line need no more than a piece of it, and their time grows with them only."""
    raw = io.BytesIO(b"[" + b",".join([b'{"bill_length_mm":39.1,"body_mass_g":3750}'] * 60_000) + b"]")
    stream = io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape")
    tracemalloc.start()
    try:
        assert sum(1 for _ in ndjson_readings(stream)) == 60_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
