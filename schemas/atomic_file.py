"""Atomic files: a reader finds the former content or all of the new one, never a part.

The new content is written to a hidden file in the same folder, which is then renamed over the old one: rename is the
only step of a file system that other processes see as one.
"""

from __future__ import annotations

import contextlib
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rookery.schemas.output.permissions import opener

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_atomically(path: Path, data: bytes, *, sync: bool, mode: int | None = None) -> None:
    """Replace a file's content; raises OSError, which names `path`, and leaves the former content.

    `sync` makes content and name survive a power cut before this returns. `mode` is that of the new file, whatever
    the umask is; without one the umask decides.
    """
    try:
        with replacing(path) as unfinished:
            _write(unfinished, data, sync=sync, mode=mode)
        if sync:
            sync_folder(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(path: Path, data: bytes, *, sync: bool, mode: int | None) -> None:
    with open(path, "wb", opener=None if mode is None else opener(mode)) as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a hidden file to write; it takes the place of `path` unless the block raises. Raises OSError."""
    # A thread's id is unique among the processes too, so that two writers of one path never write one hidden file.
    unfinished = path.with_name(f".{path.name}.{threading.get_native_id()}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        # The error that is raised already says more than one of cleaning up.
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can; raises OSError."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
