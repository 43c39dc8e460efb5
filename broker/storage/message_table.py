"""Statements on one subscription's messages, each for many of them.

Python gives its interpreter lock away at every step of a statement, and waits for it afterwards as long as the event loop is
busy: a statement a message would wait a thousand times a batch.
"""

from __future__ import annotations

import json
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from rookery.broker.storage import rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from sqlite3 import Connection

_ROWS: Final = 100
"""Rows of a statement; SQLite takes at least 32,766 values."""
_ROW: Final = "(?, ?, ?, ?, ?, ?)"


def insert(connection: Connection, table: str, messages: Iterable[rows.Row]) -> None:
    """Insert messages."""
    left = iter(messages)
    into = f"INSERT INTO {table}({rows.NAMES}) VALUES "  # noqa: S608  a name of ours
    while len(some := list(islice(left, _ROWS))) == _ROWS:
        connection.execute(into + ", ".join([_ROW] * _ROWS), list(chain.from_iterable(some)))
    connection.executemany(into + _ROW, some)


def count_attempts(connection: Connection, table: str, attempts: Mapping[int, int]) -> None:
    """Note how many times messages, by id, were delivered so far."""
    ids: dict[int, list[int]] = {}
    for ident, times in attempts.items():
        ids.setdefault(times, []).append(ident)
    statement = f"UPDATE {table} SET attempts = ? WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608  a name of ours
    for times, found in ids.items():
        connection.execute(statement, (times, json.dumps(found)))


def delete(connection: Connection, table: str, ids: Collection[int]) -> None:
    """Delete messages that are no longer held."""
    if ids:
        statement = f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608  a name of ours
        connection.execute(statement, (json.dumps(sorted(ids)),))
