"""Statements on the table of messages that topics keep for replays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.broker.storage import rows
from rookery.broker.storage.changes import table_of

if TYPE_CHECKING:
    from sqlite3 import Connection

    from rookery.broker.storage.write_batch import LogWrites, SeekWrite

_INSERT: Final = f"INSERT OR IGNORE INTO topic_logs(topic, {rows.NAMES}) VALUES(?, ?, ?, ?, ?, ?, ?)"
_TRIM: Final = (
    "DELETE FROM topic_logs WHERE id IN (SELECT id FROM topic_logs WHERE topic = ? ORDER BY id LIMIT ?)"
    " AND published_at < ?"
)


def write_log(connection: Connection, topic: str, log: LogWrites) -> None:
    """Insert new messages, and delete about twice as many outdated ones, so that no write takes long."""
    if log.dropped:
        connection.execute("DELETE FROM topic_logs WHERE topic = ?", (topic,))
    connection.executemany(_INSERT, ((topic, *rows.written(message)) for message in log.messages))
    connection.execute(_TRIM, (topic, log.trims, log.oldest))


def replay(connection: Connection, asked: SeekWrite) -> None:
    """Drop a subscription's older messages, and bring back what its topic kept of the later ones."""
    table = table_of(asked.number)
    connection.execute(f"DELETE FROM {table} WHERE published_at < ?", (asked.since,))  # noqa: S608  a name of ours
    matches = asked.filter.matches if asked.filter is not None else None
    connection.create_function(
        "wanted", 1, lambda text: matches is None or matches(rows.attributes(text) or {})
    )
    connection.execute(
        f"INSERT OR IGNORE INTO {table}({rows.NAMES}) SELECT {rows.NAMES} FROM topic_logs"  # noqa: S608  names of ours
        " WHERE topic = ? AND published_at >= ? AND wanted(attributes) ORDER BY id",
        (asked.topic, asked.kept_since),
    )
