"""Segments and their states: what is written is what is read, whatever is acknowledged in between."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.broker.scheduling.messages import RestoredMessage, StoredMessage
from rookery.broker.storage.segments import segment
from rookery.broker.storage.segments.tables import SegmentTables, creation, tables_of

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=3)
MESSAGES = st.lists(
    st.tuples(
        st.integers(1, 3), st.binary(max_size=3), st.none() | st.dictionaries(TEXTS, TEXTS, min_size=1), TEXTS,
        st.sampled_from([1.0, 1.25]),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "late", "remove", "attempt", "remove", "drain"]),
        st.lists(st.integers(1, 40), min_size=1, max_size=9, unique=True),
    ),
    max_size=12,
)


def plain(ident: int) -> StoredMessage:
    return StoredMessage(str(ident), str(ident).encode(), None, "", 1.0)


@given(MESSAGES)
def test_a_segment_is_read_as_it_was_written(
    drawn: list[tuple[int, bytes, dict[str, str] | None, str, float]],
) -> None:
    """Ids with gaps, data, attributes, ordering keys and times of publishing come back as they were."""
    messages, ident = [], 10**15
    for step, data, attributes, key, at in drawn:
        ident += step
        messages.append(StoredMessage(str(ident), data, attributes, key, at))
    assert segment.read(segment.written(messages)) == messages


@pytest.mark.parametrize("column", [0, 1, 4, 5])
def test_a_changed_segment_is_detected(column: int) -> None:
    """A changed id, head or byte of data is an error, not another message."""
    row = list(segment.written([plain(7), plain(9)]))
    row[column] = row[column] + 1 if column < 2 else row[column][:-1] + row[column][:1]
    with pytest.raises(ValueError, match="not as they were stored"):
        segment.read(tuple(row))


@settings(max_examples=60)
@given(STEPS)
def test_tables_hold_what_was_added_and_not_removed(steps: list[tuple[str, list[int]]]) -> None:
    """Added in order or amid others, attempted, removed once or twice, drained and written again: all that is held is read, in order."""
    expected: dict[int, int] = {}
    ever: set[int] = set()
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in creation(1):
            connection.execute(statement)
        tables = SegmentTables(connection, 1)
        for step, drawn in steps:
            found = [each for each in expected if each in drawn]
            match step:
                case "add" | "late":
                    base = max(ever, default=0) if step == "add" else 0
                    new = sorted({base + each for each in drawn} - ever)
                    ever |= set(new)
                    expected |= dict.fromkeys(new, 0)
                    tables.add([plain(each) for each in new])
                case "remove":
                    # Two copies of a message may be acknowledged: the second one finds it gone.
                    for each in found:
                        del expected[each]
                    tables.settle(set(drawn), {})
                case "attempt":
                    expected |= dict.fromkeys(found, 3)
                    tables.settle(set(), dict.fromkeys(drawn, 3))
                case _:
                    tables.write(tables.drain())
            assert list(tables.behind(0)) == [
                RestoredMessage(plain(each), expected[each]) for each in sorted(expected)
            ]
            assert tables.count() == len(expected)
            middle = drawn[0]
            behind = [int(each.message.message_id) for each in tables.behind(middle)]
            assert behind == sorted(each for each in expected if each > middle)


def test_space_of_removed_messages_is_freed_while_some_are_held() -> None:
    """A message without an acknowledgement keeps no thousand others on the disk: their segment is written anew without them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in creation(1):
            connection.execute(statement)
        tables, (table, _) = SegmentTables(connection, 1), tables_of(1)
        tables.add([StoredMessage(str(each), b"x" * 100, None, "", 1.0) for each in range(1, 1_001)])
        tables.settle(set(range(1, 1_001)) - {500}, {500: 2})
        sums = f"SELECT total(count), total(length(data)) FROM {table}"  # noqa: S608  a name of ours
        assert connection.execute(sums).fetchone() == (1, 100)
        assert [each.attempts for each in tables.behind(0)] == [2]
        tables.settle({500}, {})
        assert connection.execute(sums).fetchone() == (0, 0)
