"""Messages that topics keep for replays, in segments."""

from __future__ import annotations

from heapq import merge
from itertools import groupby
from typing import TYPE_CHECKING, Final

from rookery.broker.scheduling.messages import RestoredMessage
from rookery.broker.storage.segments import segment
from rookery.broker.storage.segments.tables import SegmentTables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection

    from rookery.broker.storage.write_batch import LogWrites, SeekWrite

CREATION: Final = (
    f"CREATE TABLE topic_logs({segment.COLUMNS}, topic TEXT NOT NULL)",
    "CREATE INDEX topic_logs_of ON topic_logs(topic, first_id)",
)
_INSERT: Final = f"INSERT INTO topic_logs({segment.NAMES}, topic) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
_TRIM: Final = (
    "DELETE FROM topic_logs WHERE first_id IN (SELECT first_id FROM topic_logs WHERE topic = ? ORDER BY first_id LIMIT ?)"
    " AND newest < ?"
)
_NEXT: Final = (
    f"SELECT {segment.NAMES} FROM topic_logs WHERE topic = ? AND first_id > ? ORDER BY first_id LIMIT 1"  # noqa: S608  names of ours
)


def write_log(connection: Connection, topic: str, log: LogWrites) -> None:
    """Insert new messages, and delete about twice as many outdated segments, so that no write takes long."""
    if log.dropped:
        connection.execute("DELETE FROM topic_logs WHERE topic = ?", (topic,))
    rows = [(*segment.written(some), topic) for some in segment.divided(log.messages)]
    connection.executemany(_INSERT, rows)
    connection.execute(_TRIM, (topic, 2 * len(rows), log.oldest))


def replay(connection: Connection, asked: SeekWrite) -> None:
    """Drop a subscription's older messages, and bring back what its topic kept of the later ones."""
    tables = SegmentTables(connection, asked.number)
    held = (each for each in tables.drain() if each.message.published_at >= asked.since)
    # Of a message that is still held the subscription's own copy comes first, with its attempts.
    joined = groupby(merge(held, _kept(connection, asked), key=_number), key=_number)
    tables.write(next(same) for _, same in joined)


def _kept(connection: Connection, asked: SeekWrite) -> Iterator[RestoredMessage]:
    """Give what a topic kept and the subscription wants."""
    matches = asked.filter.matches if asked.filter is not None else None
    after = 0
    while (row := connection.execute(_NEXT, (asked.topic, after)).fetchone()) is not None:
        after = row[1]
        for message in segment.read(row) if row[3] >= asked.kept_since else ():
            if message.published_at >= asked.kept_since and (
                matches is None or matches(message.attributes or {})
            ):
                yield RestoredMessage(message, 0)


def _number(held: RestoredMessage) -> int:
    return int(held.message.message_id)
