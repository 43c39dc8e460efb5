"""SenderLock: which of the processes that share an outbox sends."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING

from rookery.publisher.errors import BadOutboxError
from rookery.publisher.transports.forks import ForkAware
from rookery.schemas.output.permissions import ensure_file

if TYPE_CHECKING:
    from pathlib import Path


class SenderLock(ForkAware):
    """Held by the one process that sends: an exclusive transaction on a file of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + "-sender")
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._held = False
        super().__init__()

    def before_fork(self) -> None:
        """Let go of it: the child would take the lock for its own."""
        self._lock.acquire()
        self._held = self._database is not None
        self._close()

    def after_fork_in_parent(self) -> None:
        """Take it back. A child that was quicker sends the messages in flight once more, under the same identities."""
        if self._held:
            with contextlib.suppress(BadOutboxError):
                self._open()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Let the child try for itself."""
        self._lock.release()

    def hold(self) -> bool:
        """Try to get the lock, or find that it is ours already; raises BadOutboxError."""
        with self._lock:
            return self._database is not None or self._open()

    def release(self) -> None:
        """Let another process send."""
        with self._lock:
            self._close()

    def _open(self) -> bool:
        try:
            # Another user who can read it could hold it for ever.
            ensure_file(self._path)
            database = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise BadOutboxError(self._path, error) from error
        try:
            # A journal on the disk would need space on it: a full disk could then never be emptied.
            database.execute("PRAGMA journal_mode=MEMORY")
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            database.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                return False
            raise BadOutboxError(self._path, error) from error
        self._database = database
        return True

    def _close(self) -> None:
        if self._database is not None:
            # Nothing was written: whatever a failing disk says, the lock is gone with the connection.
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None
