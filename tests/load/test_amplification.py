"""Amplification: no message within Pub/Sub's limits costs a worker much, or the readings beside it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from rookery.load.amplification.cases import (
    ATTRIBUTE_BYTES,
    CASES,
    MOST_ATTRIBUTES,
    MOST_BYTES,
    CostlyMessage,
    mixed,
)
from rookery.load.amplification.run import MOST_RESIDENT, cost
from rookery.schemas.envelope import wrapped

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux says how much memory a process had"
)

LONG = (
    "100,000 bad rows",
    "a million wrong cells",
    "rows without a measurement",
    "long names of bad rows",
    "names of control characters",
)
"""A reading that comes after a message of several seconds is answered before it."""

OTHERS = (
    "10,000 bad rows",
    "500,000 unknown fields",
    "a text of 9 MB, four bytes a character",
    "numbers of 4,000 digits",
    "objects of one member",
    "names beyond the longest",
)


def named(name: str) -> CostlyMessage:
    (case,) = (each for each in CASES if each.name == name)
    return case


@pytest.mark.parametrize(
    "case", [*map(named, (*LONG, *OTHERS)), *map(mixed, range(6))], ids=lambda case: case.name
)
def test_any_message_within_pubsubs_limits_stays_within_bounds_of_memory_and_lines(
    case: CostlyMessage, tmp_path: Path
) -> None:
    """It is acknowledged, in 600 MB, as a few times its bytes and a kilobyte a line; readings beside it pass by."""
    found = cost(case, tmp_path)
    assert (found.status, found.tracebacks) == (204, 0)
    assert found.resident < MOST_RESIDENT
    assert found.lines
    assert found.written <= found.most_written
    if case.name in LONG:
        assert found.overtaking


@pytest.mark.parametrize("case", [*CASES, *map(mixed, range(6))], ids=lambda case: case.name)
def test_every_case_is_within_pubsubs_limits(case: CostlyMessage) -> None:
    """Ten million bytes, a hundred attributes of a thousand; and the same message each time."""
    envelope = wrapped(case.body())
    payload = envelope.payload
    assert len(payload) + envelope.attribute_size <= MOST_BYTES
    assert len(envelope.attributes) in {0, MOST_ATTRIBUTES}
    assert all(len(value) <= ATTRIBUTE_BYTES for value in envelope.attributes.values())
    assert case.make() == payload


def test_mixed_messages_are_json_of_many_shapes() -> None:
    """Tables of few rows and of many, with and without names that no reading has."""
    tables = [json.loads(mixed(seed).make()) for seed in range(6)]
    assert len({len(next(iter(table.values()))) for table in tables}) > 2
    assert len({frozenset(table) for table in tables}) > 2
