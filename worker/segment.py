"""Segment: one file that blocks are appended to, each synced before it is answered for."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from typing import TYPE_CHECKING, Self

from schemas.segment import OPEN, SUFFIX, hour_of, sealed, segments, whole

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class Segment:
    """An open file under a hidden name, locked as long as its worker lives; blocking, for a thread.

    Every method raises OSError. After a failed append the segment takes nothing more: seal it and start another.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Store an open file; `start` makes one."""
        self.path = path
        self.size = 0
        self._descriptor = descriptor

    @classmethod
    def start(cls, root: Path, moment: datetime) -> Self:
        """Make an empty segment in its hour's folder; its name is on the disk when this returns."""
        folder = make(root / hour_of(moment))
        while True:
            path = folder / f"{OPEN}{moment:%H%M%S}-{secrets.token_hex(8)}{SUFFIX}"
            descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644
            )
            # The lock dies with the process: whoever can take it knows that nobody appends here any more.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Another worker that started between these two lines took it for abandoned, and removed it.
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)
        sync(folder)
        return cls(path, descriptor)

    def append(self, content: bytes | memoryview) -> None:
        """Append lines and return when they are on the disk; where that fails, none of them is left behind."""
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fdatasync(self._descriptor)
        except OSError:
            # Nobody was answered for these lines; where they cannot be cut off, the readings come twice, not never.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(content)

    def seal(self) -> None:
        """Give the segment its final name (an empty one is removed) and let go of it."""
        try:
            _finish(self.path, self._descriptor)
        finally:
            os.close(self._descriptor)


def recover(root: Path) -> int:
    """Seal what killed workers left open below a folder, without its torn last line; returns how many there were."""
    left = [path for path in segments(root) if path.name.startswith(OPEN)]
    return sum(_recovered(path) for path in left)


def _recovered(path: Path) -> bool:
    # Another worker may be sealing it, or append to it still.
    with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(len(whole(file.read())))
        os.fsync(file.fileno())
        _finish(path, file.fileno())
        return True
    return False


def _finish(path: Path, descriptor: int) -> None:
    if os.fstat(descriptor).st_size:
        path.rename(sealed(path))
    else:
        path.unlink()
    sync(path.parent)


def make(folder: Path) -> Path:
    """Make a folder and every parent that is missing, each name synced into its own parent."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync(each.parent)
    return folder


def sync(folder: Path) -> None:
    """Bring a folder's names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
