"""Outbox: messages on the disk until Pub/Sub has them; what `store` returned for survives a power cut.

SQLite in WAL mode with synchronous=FULL: every `store` is one transaction that is synced before it returns.
Several processes may use one outbox.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from publisher.errors import BadOutboxError, OutboxFullError
from publisher.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WhenFull = Literal["refuse", "drop-oldest"]

MAX_BYTES: Final = 64 * 1024 * 1024
"""Payload that an outbox holds at most: some 300,000 single readings."""

_BUSY_S: Final = 30.0
_GLANCE_S: Final = 0.01
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    payload BLOB NOT NULL, attributes TEXT NOT NULL, rows INTEGER NOT NULL,
    stored_at REAL NOT NULL, refused TEXT
);
CREATE INDEX IF NOT EXISTS refusals ON messages (number) WHERE refused IS NOT NULL;
CREATE TABLE IF NOT EXISTS totals (messages INTEGER, rows INTEGER, bytes INTEGER, dropped INTEGER, topic TEXT);
INSERT INTO totals SELECT 0, 0, 0, 0, NULL WHERE NOT EXISTS (SELECT 1 FROM totals);
CREATE TRIGGER IF NOT EXISTS came AFTER INSERT ON messages BEGIN
    UPDATE totals SET messages = messages + 1, rows = rows + new.rows, bytes = bytes + length(new.payload);
END;
CREATE TRIGGER IF NOT EXISTS went AFTER DELETE ON messages BEGIN
    UPDATE totals SET messages = messages - 1, rows = rows - old.rows, bytes = bytes - length(old.payload);
END;
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the outbox, by its number; numbers grow and are never used again."""

    number: int
    message: Message


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """What is in an outbox. `refused` messages were refused by Pub/Sub for their own sake and wait for people.

    `dropped` counts the readings that the policy gave up for newer ones, ever; `oldest_s` is the age of the
    oldest message in seconds, None where there is none.
    """

    topic: str | None
    messages: int
    readings: int
    bytes: int
    refused: int
    dropped: int
    oldest_s: float | None


class Outbox:
    """A file of messages; made with the first use. Thread-safe.

    When `max_bytes` of payload are stored, "refuse" raises OutboxFullError at the reading that has no room (what
    was stored before is never given up); "drop-oldest" deletes the oldest readings for it and counts them.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        max_bytes: int = MAX_BYTES,
        when_full: WhenFull = "refuse",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Store the place; raises ValueError for a policy that there is not."""
        if when_full not in ("refuse", "drop-oldest"):
            raise ValueError(f"when full, an outbox can refuse or drop-oldest, not {when_full}")
        self.path = Path(path)
        self._max_bytes = max_bytes
        self._when_full = when_full
        self._clock = clock
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def claim(self, topic: str) -> None:
        """Say which topic its messages are for; raises BadOutboxError where they are for another."""
        with self._transaction() as database:
            (owner,) = database.execute("SELECT topic FROM totals").fetchone()
            if owner not in (None, topic):
                raise BadOutboxError(self.path, f"its readings are for {owner}, not for {topic}")
            if owner is None:
                database.execute("UPDATE totals SET topic = ?", (topic,))

    def store(self, message: Message, *, rows: int = 1) -> int:
        """Keep a message; it is on the disk when this returns its number. Raises OutboxFullError, BadOutboxError."""
        with self._transaction() as database:
            self._make_room(database, len(message.payload))
            row = (message.payload, json.dumps(dict(message.attributes)), rows, self._clock())
            stored = database.execute(
                "INSERT INTO messages (payload, attributes, rows, stored_at) VALUES (?, ?, ?, ?)", row
            )
            return int(stored.lastrowid or 0)

    def waiting(self, most: int = 1_000, most_bytes: int = 5_000_000) -> list[Stored]:
        """The oldest messages that are to be sent; at least one where there is one."""
        with self._transaction() as database:
            found = database.execute(
                "SELECT number, payload, attributes FROM messages WHERE refused IS NULL ORDER BY number LIMIT ?",
                (most,),
            )
            taken, size = list[Stored](), 0
            for number, payload, attributes in found:
                size += len(payload)
                if taken and size > most_bytes:
                    break
                taken.append(Stored(number, Message(payload, json.loads(attributes))))
            found.close()
        return taken

    def delete(self, numbers: Sequence[int]) -> None:
        """Forget messages that Pub/Sub has."""
        with self._transaction() as database:
            database.executemany("DELETE FROM messages WHERE number = ?", [(number,) for number in numbers])

    def refuse(self, number: int, why: str) -> None:
        """Set a message aside that Pub/Sub refuses."""
        with self._transaction() as database:
            database.execute("UPDATE messages SET refused = ? WHERE number = ?", (why, number))

    def readmit(self) -> int:
        """Let everything that was refused be sent again; returns how many messages."""
        with self._transaction() as database:
            return database.execute("UPDATE messages SET refused = NULL WHERE refused IS NOT NULL").rowcount

    def holds(self, numbers: Sequence[int]) -> set[int]:
        """Which of these messages are there still."""
        with self._transaction() as database:
            there = (
                database.execute("SELECT 1 FROM messages WHERE number = ?", (number,)).fetchone()
                for number in numbers
            )
            return {number for number, found in zip(numbers, list(there), strict=True) if found}

    def status(self) -> OutboxStatus:
        """Count what is there; raises BadOutboxError."""
        with self._transaction() as database:
            messages, rows, size, dropped, topic = database.execute(
                "SELECT messages, rows, bytes, dropped, topic FROM totals"
            ).fetchone()
            (refused,) = database.execute(
                "SELECT count(*) FROM messages WHERE refused IS NOT NULL"
            ).fetchone()
            (oldest,) = database.execute(
                "SELECT stored_at FROM messages ORDER BY number LIMIT 1"
            ).fetchone() or (None,)
        return OutboxStatus(
            topic=topic,
            messages=messages,
            readings=rows,
            bytes=size,
            refused=refused,
            dropped=dropped,
            oldest_s=None if oldest is None else max(0.0, self._clock() - oldest),
        )

    def close(self) -> None:
        """Release the file; it is opened again with the next use."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_room(self, database: sqlite3.Connection, size: int) -> None:
        (held,) = database.execute("SELECT bytes FROM totals").fetchone()
        if held + size <= self._max_bytes:
            return
        if self._when_full == "refuse" or size > self._max_bytes:
            raise OutboxFullError(self.path, self._max_bytes)
        oldest = database.execute(
            "SELECT number, rows, length(payload) FROM messages ORDER BY number"
        ).fetchall()
        for number, rows, freed in oldest:
            database.execute("DELETE FROM messages WHERE number = ?", (number,))
            database.execute("UPDATE totals SET dropped = dropped + ?", (rows,))
            held -= freed
            if held + size <= self._max_bytes:
                return

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and alone: other threads and processes wait."""
        try:
            with self._lock:
                database = self._database = self._database or _opened(self.path)
                database.execute("BEGIN IMMEDIATE")
                try:
                    yield database
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
                database.execute("COMMIT")
        except sqlite3.Error as error:
            raise BadOutboxError(self.path, str(error)) from error


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        _in_wal_mode(database)
        database.execute("PRAGMA synchronous=FULL")
        database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        _sync(path.parent)
    except BaseException:
        database.close()
        raise
    return database


def _in_wal_mode(database: sqlite3.Connection) -> None:
    """Set the mode once; two processes at the same moment are told "locked" whatever the timeout is."""
    until = time.monotonic() + _BUSY_S
    while database.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(_GLANCE_S)


def _sync(folder: Path) -> None:
    """Bring a new file's name to the disk, where the system can say so."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
