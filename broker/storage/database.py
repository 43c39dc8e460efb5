"""The SQLite file: opened by one process alone, checked, read at start, written a batch at a time."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.broker.storage import topic_logs
from rookery.broker.storage.changes import SCHEMA
from rookery.broker.storage.errors import (
    StoreDamagedError,
    StoreInUseError,
    StoreUnavailableError,
    StoreVersionError,
)
from rookery.broker.storage.folder import make_folder
from rookery.broker.storage.segments.tables import SegmentTables
from rookery.broker.storage.upgrades import FORMAT, upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from rookery.broker.scheduling.messages import RestoredMessage
    from rookery.broker.storage.write_batch import WriteBatch

FILE_NAME: Final = "broker.sqlite3"
_APPLICATION: Final = 0x524F4F4B
"""SQLite's application id of this file: ROOK."""
_CHECKPOINT_PAGES: Final = 8_000
"""Pages in the write-ahead log before they are moved into the file: 32 MB, so that each is moved seldom."""
_PAGE_MESSAGES: Final = 5_000
_PAGE_BYTES: Final = 8_000_000
"""Data of a page, beside that of its last message."""
_LOG_BYTES: Final = 64_000_000
_IDS_OF_A_PROCESS: Final = 10**10
"""More ids than the deliveries of one process: those are not stored."""
DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class StoreConnection(sqlite3.Connection):
    """The one connection of a store."""


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """Topics and subscriptions (by number) as they were saved, and the highest id that was given so far."""

    topics: list[bytes]
    subscriptions: dict[int, bytes]
    retains_since: dict[int, float]
    highest_id: int

    def first_id(self, microseconds: int) -> int:
        """The first id of this process: the time, or beyond all ids so far where the clock was set back."""
        return microseconds if microseconds > self.highest_id else self.highest_id + _IDS_OF_A_PROCESS

    @property
    def next_number(self) -> int:
        """The number of the next subscription."""
        return max(self.subscriptions, default=0) + 1


class Database:
    """One open store; any one thread at a time may use it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._numbers: set[int] = set()

    @classmethod
    def open(cls, folder: Path, *, max_bytes: int) -> Self:
        """Open the store of a folder, or create it; raises BrokerStoreError."""
        path = folder / FILE_NAME
        try:
            make_folder(folder)
            with suppress(FileExistsError):
                path.touch(mode=0o600, exist_ok=False)
        except OSError as error:
            raise StoreUnavailableError(path, error.strerror) from error
        with _as_store_errors(path):
            connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=0, factory=StoreConnection
            )
            try:
                _prepare(connection, path, max_bytes)
            except BaseException:
                connection.close()
                raise
        return cls(path, connection)

    def config(self) -> StoredConfig:
        """Read topics and subscriptions; raises StoreDamagedError."""
        with _as_store_errors(self.path):
            topics = [settings for (settings,) in self._connection.execute("SELECT settings FROM topics")]
            subscriptions = dict(self._connection.execute("SELECT number, settings FROM subscriptions"))
            since = dict(self._connection.execute("SELECT number, retains_since FROM subscriptions"))
            (highest,) = self._connection.execute("SELECT highest FROM ids").fetchone()
        self._numbers = set(subscriptions)
        return StoredConfig(topics, subscriptions, since, highest)

    def count(self, number: int) -> int:
        """Count what a subscription holds; raises StoreDamagedError."""
        with _as_store_errors(self.path):
            return SegmentTables(self._connection, number).count()

    def page(self, number: int, after: int) -> list[RestoredMessage]:
        """Read the next messages behind an id that a subscription holds; raises StoreDamagedError."""
        if number not in self._numbers:
            return []
        found, size = [], 0
        with _as_store_errors(self.path):
            for each in SegmentTables(self._connection, number).behind(after):
                found.append(each)
                size += len(each.message.data)
                if len(found) >= _PAGE_MESSAGES or size >= _PAGE_BYTES:
                    break
        return found

    def apply(self, batch: WriteBatch) -> None:
        """Write a batch and sync it, whole or not at all; raises sqlite3.Error."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            self._write(batch)
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        for change in batch.changes:
            self._numbers |= change.created
            self._numbers -= change.dropped

    def close(self) -> None:
        """Move the write-ahead log into the file, and let another process have it."""
        self._connection.close()

    def _write(self, batch: WriteBatch) -> None:
        for number in {**batch.published, **batch.lazy}:
            # A subscription may have been deleted since its message was published.
            if number not in self._numbers:
                continue
            tables, lazy = SegmentTables(self._connection, number), batch.lazy.get(number)
            new = batch.published.get(number, [])
            if lazy is not None and lazy.added:
                new = sorted([*new, *lazy.added.values()], key=lambda message: int(message.message_id))
            tables.add(new)
            if lazy is not None:
                tables.settle(lazy.removed, lazy.attempts)
        for topic, log in batch.logs.items():
            topic_logs.write_log(self._connection, topic, log)
        for change in batch.changes:
            for statement, values in change.statements:
                self._connection.execute(statement, values)
        for replay in batch.replays:
            topic_logs.replay(self._connection, replay)
        self._connection.execute("UPDATE ids SET highest = max(highest, ?)", (batch.highest_id,))


def _prepare(connection: sqlite3.Connection, path: Path, max_bytes: int) -> None:
    """Lock, check and set up; the lock is the operating system's and ends with the process."""
    execute = connection.execute
    execute("PRAGMA locking_mode = EXCLUSIVE")
    execute("BEGIN EXCLUSIVE")
    (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = execute("PRAGMA application_id").fetchone()
    (version,) = execute("PRAGMA user_version").fetchone()
    if not tables and not version:
        for statement in SCHEMA:
            execute(statement)
        execute(f"PRAGMA application_id = {_APPLICATION}")
        execute(f"PRAGMA user_version = {FORMAT}")
        version = FORMAT
    elif application != _APPLICATION:
        raise StoreUnavailableError(path, "it is a file of another program")
    elif not 1 <= version <= FORMAT:
        raise StoreVersionError(path, version, FORMAT)
    (found,) = execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StoreDamagedError(path, found)
    if version < FORMAT:
        upgrade(connection, version)
    execute("COMMIT")
    execute("PRAGMA journal_mode = WAL")
    execute("PRAGMA synchronous = FULL")
    execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    (page_bytes,) = execute("PRAGMA page_size").fetchone()
    execute(f"PRAGMA max_page_count = {max(1, max_bytes // page_bytes)}")


@contextmanager
def _as_store_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors at start, and wrong checksums, into sentences for the operator."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = primary_code(error)
        if code == sqlite3.SQLITE_BUSY:
            raise StoreInUseError(path) from error
        if code in DAMAGED or not code:
            raise StoreDamagedError(path, error) from error
        raise StoreUnavailableError(path, error) from error
    except (TypeError, ValueError) as error:
        raise StoreDamagedError(path, error) from error


def primary_code(error: Exception) -> int:
    """SQLite's primary result code of an error (its extended codes say more in the upper bytes); 0: none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
