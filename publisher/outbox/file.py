"""OutboxFile: the database below an outbox: its schema, its transactions, and the free space of its disk.

SQLite in WAL mode with synchronous=FULL: a transaction is synced before it returns.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rookery.publisher.durable import in_place
from rookery.publisher.errors import BadOutboxError
from rookery.publisher.transports.forks import ForkAware
from rookery.schemas.atomic_file import sync_folder
from rookery.schemas.output.permissions import ensure_file, file_mode

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

RESERVE_BYTES: Final = 262_144
"""What `store` leaves free of the disk: deleting messages takes space too, and without it a full disk stays full."""

_COPIES: Final = 3
"""How often a message may stand on the disk for a moment: in the log, in the database, and in pages cut up for it."""

_LOG_PAGES: Final = 50
"""Pages (of 4 kB) in the log before they are moved to the database: they must fit into the reserve."""

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


class OutboxFile(ForkAware):
    """Opened with the first transaction, again after an error, and again in a forked process. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._status: os.stat_result | None = None
        super().__init__()

    def before_fork(self) -> None:
        """Wait for the open transaction, and close: the child would take this process's locks for its own."""
        self._lock.acquire()
        self._release()

    def after_fork_in_parent(self) -> None:
        """Let the other threads go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Let the child open it."""
        self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and alone: other threads and processes wait. Raises BadOutboxError."""
        try:
            with self._lock:
                try:
                    database = self._database = self._database or self._opened()
                    database.execute("BEGIN IMMEDIATE")
                    yield database
                    database.execute("COMMIT")
                except (sqlite3.Error, OSError):
                    # A commit that failed may leave its transaction open: the next one begins on a new connection.
                    self._release()
                    raise
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
        except (sqlite3.Error, OSError) as error:
            raise BadOutboxError(self.path, error) from error

    def in_place(self) -> bool:
        """Whether the file that is open is still under its path; one that was removed goes on taking transactions."""
        return self._status is None or in_place(self.path, self._status)

    def has_space(self, size: int) -> bool:
        """Whether there is space for a message of so many bytes beside the reserve; raises BadOutboxError."""
        needed = RESERVE_BYTES + _COPIES * size
        try:
            return self._free() >= needed or self._shortened() + self._free() >= needed
        except OSError as error:
            raise BadOutboxError(self.path, error) from error

    def _free(self) -> int:
        return shutil.disk_usage(self.path.parent).free

    def _shortened(self) -> int:
        """Cut the log, whose length stays when what it holds was moved; returns the free bytes in the database."""
        with self._lock:
            if self._database is None:
                return 0
            try:
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
                (pages,) = self._database.execute("PRAGMA freelist_count").fetchone()
                (page_bytes,) = self._database.execute("PRAGMA page_size").fetchone()
            except sqlite3.Error:
                self._release()
                return 0
            return int(pages) * int(page_bytes)

    def _opened(self) -> sqlite3.Connection:
        database = _opened(self.path)
        self._status = self.path.stat()
        return database

    def close(self) -> None:
        """Release the file; it is opened again with the next use."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = self._status = None


def _opened(path: Path) -> sqlite3.Connection:
    # Made before SQLite would: its log and the rest get the mode of the file itself.
    ensure_file(path, file_mode())
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        _in_wal_mode(database)
        database.execute("PRAGMA synchronous=FULL")
        database.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
        database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        sync_folder(path.parent)
    except BaseException:
        database.close()
        raise
    return database


def _in_wal_mode(database: sqlite3.Connection) -> None:
    """Set the mode once; two processes at the same moment get "locked" whatever the timeout is."""
    until = time.monotonic() + _BUSY_S
    while database.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(_GLANCE_S)
