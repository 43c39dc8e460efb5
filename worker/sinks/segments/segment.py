"""Segment: one file that blocks are appended to, each synced before it is answered for."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from typing import TYPE_CHECKING, Final, Self

from rookery.schemas.output.permissions import PRIVATE, create
from rookery.schemas.segment import FILLER, OPEN, SUFFIX, hour_of, sealed, segments, whole
from rookery.worker.encoding.fixed_width import Pieces
from rookery.worker.sinks.segments.direct_file import DirectFile
from rookery.worker.sinks.segments.errors import SegmentLostError
from rookery.worker.sinks.segments.folders import make, sync

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path


LEAST_AHEAD: Final = 64 * 1024
MOST_AHEAD: Final = 1024 * 1024
"""How far ahead a segment is prepared, in bytes: so much holds ten more like the last lines, between these."""

PIECE: Final = 448 * 1024
"""Bytes that are written and synced at once, up to twice as many at the end: a disk that is busy with more would keep
other segments waiting."""

DIRECT_PIECE: Final = 1020 * 1024
"""The same past the page cache, where each costs a wait for the disk alone; twice as many and a block of the disk are one
huge page."""

LARGE_BLOCK: Final = 256 * 1024
"""Bytes from which on a block is not prepared for, as to write them twice costs more than to make the file longer."""

_NO_LINE: Final = (b"", FILLER)
"""Bytes that are read instead of a newline beyond the end of a file, and in a hole of it."""

_MORE_LIKE_IT: Final = 10
"""Fewer would be prepared more often than they save; for more, every hundredth batch or so would wait twice as long."""


class Segment:
    """An open file under a hidden name, locked as long as its worker lives; it blocks while the disk works.

    Every method raises OSError. After a failed append the segment takes nothing more: seal it and start another;
    after SegmentLostError abandon it.
    A segment that goes on being appended to is prepared ahead with filler: to overwrite what has its place on the
    disk takes half of the CPU that it takes to make a file longer, and less time. One for large blocks, with memory of
    its writer's, is not: it is written past the page cache, where its file system knows how.
    """

    def __init__(self, path: Path, descriptor: int, *, memory: memoryview | None = None) -> None:
        """Store an open file; `start` makes one."""
        self.path = path
        self.size = 0
        self._name = str(path)
        self._descriptor = descriptor
        self._prepared = 0
        self._identity = _identity(os.fstat(descriptor))
        self._direct = DirectFile.begun(descriptor, memory, _write) if memory else None

    @classmethod
    def start(
        cls, root: Path, moment: datetime, mode: int = PRIVATE, *, memory: memoryview | None = None
    ) -> Self:
        """Make an empty segment in its hour's folder; its name is on the disk when this returns."""
        folder = make(root / hour_of(moment), mode)
        while True:
            path = folder / f"{OPEN}{moment:%H%M%S}-{secrets.token_hex(8)}{SUFFIX}"
            descriptor = create(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
            # The lock ends with the process: a process that can take it knows that no other one appends here.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Another worker that started between these two lines took it for abandoned, and removed it.
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)
        sync(folder)
        return cls(path, descriptor, memory=memory)

    def append(self, content: bytes | memoryview | Pieces) -> None:
        """Append lines and return when they are on the disk, under the segment's name.

        Where the disk fails, none of them is left behind.
        """
        end = self.size + len(content)
        try:
            if self._direct is not None:
                self._write_direct(content, self._direct)
            elif len(content) < LARGE_BLOCK:
                self._write_small(content, end)
            else:
                self._write_large(content)
        except OSError:
            # These lines were not acknowledged; where they cannot be cut off, their readings are duplicated, never lost.
            with contextlib.suppress(OSError):
                self._cut()
            raise
        self._hold(self.size, end)
        self.size = end

    def seal(self) -> None:
        """Give the segment its final name (an empty one is removed) and let go of it."""
        try:
            self._hold(0, self.size)
        except OSError:
            self.abandon()
            raise
        try:
            if self._prepared > self.size:
                self._cut()
                os.fsync(self._descriptor)
            _finish(self.path, self._descriptor)
        finally:
            os.close(self._descriptor)

    def abandon(self) -> None:
        """Let go of a segment that was lost; whole lines that are left under its name are sealed."""
        os.close(self._descriptor)
        with contextlib.suppress(OSError):
            _recovered(self.path)

    def _hold(self, begin: int, end: int) -> None:
        """Raise SegmentLostError unless the name still leads to this file and the lines between two places are in it.

        A file that was removed, moved or unmounted is written and synced without an error. So is one that was cut,
        which has a hole then, and ends with it for its readers.
        """
        try:
            there = os.stat(self._name)  # noqa: PTH116  a Path takes half as long again, for every batch
        except (FileNotFoundError, NotADirectoryError):
            raise SegmentLostError from None
        if _identity(there) != self._identity:
            raise SegmentLostError
        if self._direct is not None:
            self._direct.hold(there)
            return
        for place in (begin, end):
            if place and os.pread(self._descriptor, 1, place - 1) in _NO_LINE:
                raise SegmentLostError

    def _write_small(self, content: bytes | memoryview | Pieces, end: int) -> None:
        (part,) = _parts(content)
        ahead = 0
        # Not with its first lines: a segment that gets no more needs no space ahead.
        if self.size and end > self._prepared:
            ahead = min(MOST_AHEAD, max(LEAST_AHEAD, _MORE_LIKE_IT * len(content)))
            self._prepared = end + ahead
        _write(self._descriptor, part, self.size, ahead=ahead)

    def _write_large(self, content: bytes | memoryview | Pieces) -> None:
        """Write and sync a part after the other."""
        place = self.size
        for part in _parts(content):
            place = _write(self._descriptor, part, place)

    def _write_direct(self, content: bytes | memoryview | Pieces, file: DirectFile) -> None:
        """Write and sync a part after the other, past the page cache."""
        place = self.size
        for part in _parts(content, DIRECT_PIECE):
            place = file.append(part, place)
            self._prepared = file.length

    def _cut(self) -> None:
        """Cut off the lines that were not acknowledged."""
        os.ftruncate(self._descriptor, self.size)
        self._prepared = 0
        if self._direct is not None:
            self._direct.length = self.size


def _parts(content: bytes | memoryview | Pieces, least: int = PIECE) -> Iterator[list[bytes | memoryview]]:
    """Cut lines into parts that are synced one by one, each of pieces that are written in one call."""
    part: list[bytes | memoryview] = []
    size = 0
    for piece in content if isinstance(content, Pieces) else (content,):
        view = memoryview(piece)
        while size + len(view) > 2 * least:
            cut = max(least - size, 0)
            yield [*part, view[:cut]]
            view, part, size = view[cut:], [], 0
        part.append(view)
        size += len(view)
    yield part


def _write(descriptor: int, pieces: Sequence[bytes | memoryview], place: int, *, ahead: int = 0) -> int:
    """Write pieces behind each other, without a copy that joins them, sync them, and return where they end.

    Behind them stand `ahead` bytes of filler, unless the disk is too full for that.
    """
    end = _written(descriptor, pieces, place)
    if ahead:
        with contextlib.suppress(OSError):
            _written(descriptor, (FILLER * ahead,), end)
    # With the length; macOS has no call for these alone.
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)
    return end


def _written(descriptor: int, pieces: Sequence[bytes | memoryview], place: int) -> int:
    written = os.pwritev(descriptor, pieces, place)
    for piece in pieces:
        view = memoryview(piece)[written:]
        place += len(piece) - len(view)
        written -= len(piece) - len(view)
        # Only a disk that is full, or a signal, leaves some of it.
        while view:
            short = os.pwritev(descriptor, (view,), place)
            view, place = view[short:], place + short
    return place


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def recover(root: Path) -> int:
    """Seal what killed workers left open below a folder, without its torn last line; returns how many there were."""
    # A FIFO of such a name would be read for ever.
    left = [path for path in segments(root) if path.name.startswith(OPEN) and path.is_file()]
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
