"""DirectFile: appends to a file past the page cache, in whole blocks of the disk.

The lines are copied once, into memory that the disk reads itself: the kernel neither copies them nor finds a page for each
four thousand bytes of them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
from typing import TYPE_CHECKING, Final, Self

from rookery.schemas.segment import FILLER
from rookery.worker.sinks.segments.errors import SegmentLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Write = Callable[[int, Sequence[bytes | memoryview], int], int]
    """Writes pieces to a descriptor at a place and syncs them; returns where they end."""

BLOCK: Final = 4096
"""Bytes of a block: no disk or file system asks for larger ones."""

_HUGE: Final = 2 * 1024 * 1024
"""Bytes of a huge page, on most processors."""

_DIRECT: Final[int] = getattr(os, "O_DIRECT", 0)

_REFUSED: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP})
"""Errors of a file system that cannot write so after all."""


class DirectFile:
    """The end of an open file; every method raises OSError.

    What the last block holds is kept in memory, and written again with what comes behind it; its rest is filler.
    """

    def __init__(self, descriptor: int, memory: memoryview, write: Write) -> None:
        """Store an open file and its memory, which no other file uses meanwhile; `begun` is how one is made."""
        self._descriptor = descriptor
        self._write_synced = write
        self._memory = memory
        self.length = 0
        """Bytes of the file, filler included."""

    @classmethod
    def begun(cls, descriptor: int, memory: memoryview, write: Write) -> Self | None:
        """Begin with an empty file; None where the system or its file system has no such way."""
        if not (_DIRECT and _switched(descriptor, on=True)):
            return None
        return cls(descriptor, memory, write)

    def hold(self, there: os.stat_result) -> None:
        """Raise SegmentLostError where the file is not as long as it was made: it was cut."""
        if there.st_size != self.length:
            raise SegmentLostError

    def append(self, pieces: Sequence[bytes | memoryview], place: int) -> int:
        """Write and sync pieces, one behind the other, at the place where the last ones ended; return where these end."""
        self.hold(os.fstat(self._descriptor))
        memory, begin = self._memory, place % BLOCK
        end = begin
        for piece in pieces:
            memory[end : (end := end + len(piece))] = piece
        whole = _blocks(end)
        memory[end:whole] = FILLER * (whole - end)
        self._write(memory[:whole], place - begin)
        self.length = place - begin + whole
        self._hold_data(place - begin)
        rest = end % BLOCK
        memory[:rest] = memory[end - rest : end]
        return place - begin + end

    def _write(self, blocks: memoryview, place: int) -> None:
        try:
            self._write_synced(self._descriptor, (blocks,), place)
        except OSError as error:
            if error.errno not in _REFUSED or not _switched(self._descriptor, on=False):
                raise
            # A file system that wants larger blocks, or that wrote half of one: through the page cache it takes any.
            self._write_synced(self._descriptor, (blocks,), place)

    def _hold_data(self, place: int) -> None:
        """Raise SegmentLostError where a hole stands before a place: the file was cut, and the write made it longer."""
        try:
            if not place or os.lseek(self._descriptor, place - 1, os.SEEK_HOLE) >= place:
                return
        except OSError as error:
            # It was cut behind the write, to less than that.
            if error.errno != errno.ENXIO:
                raise
        raise SegmentLostError


def direct_memory(most_bytes: int) -> memoryview:
    """Memory for files that follow each other, each of which appends up to so many bytes at once; taken as it is used."""
    memory = mmap.mmap(-1, _blocks(BLOCK + most_bytes, _HUGE), mmap.MAP_PRIVATE | mmap.MAP_ANON)
    # One page in place of five hundred: the disk is given fewer places to read from.
    with contextlib.suppress(AttributeError, OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def _blocks(size: int, block: int = BLOCK) -> int:
    return -(-size // block) * block


def _switched(descriptor: int, *, on: bool) -> bool:
    """Let an open file pass the page cache, or not; whether its file system can."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | _DIRECT if on else flags & ~_DIRECT)
    except OSError:
        return False
    return True
