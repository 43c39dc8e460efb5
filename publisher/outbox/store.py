"""Outbox: messages on the disk until Pub/Sub has them; what `store` returned for survives a power cut.

Every `store` is one transaction that is synced before it returns. Several processes may use one outbox.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from rookery.publisher.errors import BadOutboxError, OutboxFullError
from rookery.publisher.message import OutgoingMessage
from rookery.publisher.outbox.file import OutboxFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

WhenFull = Literal["refuse", "drop-oldest"]

MAX_BYTES: Final = 64 * 1024 * 1024
"""Payload that an outbox holds at most: some 300,000 single readings."""


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A message in the outbox, by its number; numbers grow and are never used again."""

    number: int
    message: OutgoingMessage


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """The content of an outbox. `refused` messages were refused by Pub/Sub for their own sake and wait for people.

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
    """A file of messages; made with the first use. Thread-safe, and a forked process opens it anew.

    When `max_bytes` of payload are stored, or the disk has no space beyond RESERVE_BYTES, "refuse" raises
    OutboxFullError at the reading that does not fit (what was stored before is never given up); "drop-oldest" deletes
    the oldest readings for it and counts them.
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
        self._file = OutboxFile(self.path)

    def claim(self, topic: str) -> None:
        """Say which topic its messages are for; raises BadOutboxError where they are for another."""
        with self._file.transaction() as database:
            (owner,) = database.execute("SELECT topic FROM totals").fetchone()
            if owner not in (None, topic):
                raise BadOutboxError(self.path, f"its readings are for {owner}, not for {topic}")
            if owner is None:
                database.execute("UPDATE totals SET topic = ?", (topic,))

    def store(self, message: OutgoingMessage, *, rows: int = 1) -> int:
        """Keep a message; it is on the disk when this returns its number. Raises OutboxFullError, BadOutboxError."""
        if not self._file.in_place() and not self.status().messages:
            # All that the removed file held was sent: a new one takes its place.
            self._file.close()
        disk_full = not self._file.has_space(len(message.payload))
        with self._file.transaction() as database:
            self._make_space(database, len(message.payload), disk_full=disk_full)
            row = (message.payload, json.dumps(dict(message.attributes)), rows, self._clock())
            stored = database.execute(
                "INSERT INTO messages (payload, attributes, rows, stored_at) VALUES (?, ?, ?, ?)", row
            )
            number = int(stored.lastrowid or 0)
        if not self._file.in_place():
            # Its messages are sent as long as this process lives, and are lost afterwards.
            raise BadOutboxError(self.path, "it was removed or replaced while it was open")
        return number

    def waiting(self, most: int = 1_000, most_bytes: int = 5_000_000) -> list[StoredReading]:
        """The oldest messages that are to be sent; at least one where there is one."""
        with self._file.transaction() as database:
            found = database.execute(
                "SELECT number, payload, attributes FROM messages WHERE refused IS NULL ORDER BY number LIMIT ?",
                (most,),
            )
            taken, size = list[StoredReading](), 0
            for number, payload, attributes in found:
                size += len(payload)
                if taken and size > most_bytes:
                    break
                taken.append(StoredReading(number, OutgoingMessage(payload, json.loads(attributes))))
            found.close()
        return taken

    def delete(self, numbers: Sequence[int]) -> None:
        """Forget messages that Pub/Sub has."""
        with self._file.transaction() as database:
            database.executemany("DELETE FROM messages WHERE number = ?", [(number,) for number in numbers])

    def refuse(self, number: int, why: str) -> None:
        """Set a message aside that Pub/Sub refuses."""
        with self._file.transaction() as database:
            database.execute("UPDATE messages SET refused = ? WHERE number = ?", (why, number))

    def readmit(self) -> int:
        """Let everything that was refused be sent again; returns how many messages."""
        with self._file.transaction() as database:
            return database.execute("UPDATE messages SET refused = NULL WHERE refused IS NOT NULL").rowcount

    def holds(self, numbers: Sequence[int]) -> set[int]:
        """Which of these messages are there still."""
        with self._file.transaction() as database:
            there = (
                database.execute("SELECT 1 FROM messages WHERE number = ?", (number,)).fetchone()
                for number in numbers
            )
            return {number for number, found in zip(numbers, list(there), strict=True) if found}

    def status(self) -> OutboxStatus:
        """Count what is there; raises BadOutboxError."""
        with self._file.transaction() as database:
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
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_space(self, database: sqlite3.Connection, size: int, *, disk_full: bool) -> None:
        (held,) = database.execute("SELECT bytes FROM totals").fetchone()
        most = min(self._max_bytes, held) if disk_full else self._max_bytes
        if held + size <= most:
            return
        if self._when_full == "refuse" or size > most:
            raise OutboxFullError(self.path, "the disk is full" if disk_full else f"it may hold {most} bytes")
        oldest = database.execute(
            "SELECT number, rows, length(payload) FROM messages ORDER BY number"
        ).fetchall()
        for number, rows, freed in oldest:
            database.execute("DELETE FROM messages WHERE number = ?", (number,))
            database.execute("UPDATE totals SET dropped = dropped + ?", (rows,))
            held -= freed
            if held + size <= most:
                return
