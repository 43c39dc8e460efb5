"""Regular file: the bytes of a file that is one. A FIFO, a socket or a device may keep its reader for ever."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def hold_regular(status: os.stat_result) -> None:
    """Raise OSError where a status is not that of a regular file."""
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")


def read_regular(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """Read up to so many bytes, and the status of the file that they are from; raises OSError."""
    # Without O_NONBLOCK, opening a FIFO blocks until a process writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123  a descriptor is no path
        status = os.fstat(descriptor)
        hold_regular(status)
        return file.read(most), status
