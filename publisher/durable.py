"""Durable: what makes a file that was written one that is there after a power cut, under its name."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def in_place(path: Path, status: os.stat_result) -> bool:
    """Whether a path still leads to the file of a status: a file that was removed is written without an error."""
    try:
        return os.path.samestat(path.stat(), status)
    except OSError:
        return False


def hold_in_place(path: Path, descriptor: int, size: int) -> None:
    """Raise OSError where an open file is no longer under its path, or not of the size that was written."""
    status = os.fstat(descriptor)
    if not in_place(path, status) or status.st_size != size:
        raise OSError(errno.ESTALE, "it was removed or changed while it was written", str(path))
