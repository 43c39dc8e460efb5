"""NDJSON streams: readings and tables as they come, every bad line explained."""

from __future__ import annotations

import io

from publisher.bad_row import BadRow
from publisher.ndjson import ndjson_readings
from schemas.codec import encode
from schemas.moment import RULE
from schemas.table import ReadingTable
from schemas.testing import Birds, spoilt


def read(*lines: bytes) -> list[object]:
    raw = io.BytesIO(b"\n".join(lines))
    return list(ndjson_readings(io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape")))


def test_what_was_encoded_is_read_again() -> None:
    """A line per reading or table gives them back; blank lines are nothing."""
    birds = Birds(seed=1)
    reading, table = birds.reading(reading_id="é"), birds.table(3)
    assert read(encode(reading), b"", encode(table), b"  ") == [reading, table]


def test_every_spoilt_line_is_a_bad_row() -> None:
    """Whatever is wrong with a line, it is told with its number and costs nobody else anything."""
    ways = spoilt(seed=2)
    payloads = [payload for payload in (next(ways).payload for _ in range(21)) if payload]
    good = encode(Birds(seed=3).reading())
    *bad, last = read(*payloads, good)
    assert encode(last) == good
    assert [each.line for each in bad] == list(range(1, len(payloads) + 1))
    assert all(isinstance(each, BadRow) and each.reasons for each in bad)
    "".join(f"{each}{each.text}" for each in bad).encode()


def test_a_bad_row_of_a_table_costs_itself_alone() -> None:
    """The row is told with its position and its own text; the rest of the table is published."""
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
