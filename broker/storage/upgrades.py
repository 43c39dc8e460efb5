"""Upgrade of stores of earlier formats, whose messages were rows of their own."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from rookery.broker.scheduling.messages import RestoredMessage, StoredMessage
from rookery.broker.storage import topic_logs
from rookery.broker.storage.segments import segment
from rookery.broker.storage.segments.tables import SegmentTables, creation
from rookery.broker.storage.write_batch import LogWrites

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection

FORMAT: Final = 3
"""Format 1 had no topic logs, format 2 a row for each message."""
_SINCE: Final = "ALTER TABLE subscriptions ADD COLUMN retains_since REAL NOT NULL DEFAULT 0"
_NAMES: Final = "id, published_at, ordering_key, attributes, data, checksum"


def upgrade(connection: Connection, version: int) -> None:
    """Bring a store to the present format, within a transaction of the caller; raises ValueError where a checksum is wrong."""
    execute = connection.execute
    logs = version > 1
    if logs:
        execute("ALTER TABLE topic_logs RENAME TO earlier_logs")
        execute("DROP INDEX topic_logs_of")
    else:
        execute(_SINCE)
    for statement in topic_logs.CREATION:
        execute(statement)
    for (number,) in execute("SELECT number FROM subscriptions").fetchall():
        for statement in creation(number):
            execute(statement)
        table = f"messages_{int(number)}"
        SegmentTables(connection, number).write(_rows(connection, f"{_NAMES}, attempts FROM {table}"))
        execute(f"DROP TABLE {table}")
    if logs:
        for (topic,) in execute("SELECT DISTINCT topic FROM earlier_logs").fetchall():
            kept = (each.message for each in _rows(connection, f"{_NAMES}, 0 FROM earlier_logs", topic))
            for some in segment.divided(kept):
                topic_logs.write_log(connection, topic, LogWrites(some))
        execute("DROP TABLE earlier_logs")
    execute(f"PRAGMA user_version = {FORMAT}")


def _rows(connection: Connection, columns: str, topic: str | None = None) -> Iterator[RestoredMessage]:
    where, values = ("", ()) if topic is None else (" WHERE topic = ?", (topic,))
    for row in connection.execute(f"SELECT {columns}{where} ORDER BY id", values):
        yield _read(row)


def _read(row: tuple[Any, ...]) -> RestoredMessage:
    ident, published_at, key, attributes, data, checksum, attempts = row
    found = zlib.crc32(f"{ident} {published_at!r} {key}\0{attributes}".encode(), zlib.crc32(data))
    if checksum != found:
        raise ValueError(f"message {ident} is not as it was stored")
    named = json.loads(attributes) if attributes else None
    return RestoredMessage(StoredMessage(str(ident), data, named, key, published_at), attempts)
