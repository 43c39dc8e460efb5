"""Permissions: who may read what is written of readings; this user alone, unless ROOKERY_FILE_MODE says more."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIABLE: Final = "ROOKERY_FILE_MODE"
PRIVATE: Final = 0o600
"""The mode of files that nothing else is said of."""

PATTERN: Final = "^0?6[046][046]$"
"""Valid modes: the owner reads and writes, others read, or write too, or neither."""

_MAKING: Final = threading.Lock()
"""Held until a new file is closed again: no other thread of this process can have locked it before."""

_CLOSED_BY_EXEC: Final = getattr(os, "O_CLOEXEC", 0)


def file_mode(written: str | None = None) -> int:
    """Read a mode as it is written, in octal; without one the environment's. Raises OSError with a sentence."""
    text = written or os.environ.get(VARIABLE) or f"{PRIVATE:04o}"
    if not re.match(PATTERN, text):
        needed = f"{VARIABLE}={text}: a mode such as 0600, 0640 or 0644 is needed"
        raise OSError(errno.EINVAL, needed)
    return int(text, 8)


def opener(mode: int | None = None) -> Callable[[str, int], int]:
    """Make an `opener` for `open`, which gives a new file its mode; without one the environment's."""

    def opened(path: str, flags: int) -> int:
        return create(path, flags, file_mode() if mode is None else mode)

    return opened


def create(path: str | Path, flags: int, mode: int = PRIVATE) -> int:
    """Open a file that is made with a mode, and give its descriptor; raises OSError."""
    descriptor = os.open(path, flags | _CLOSED_BY_EXEC, mode)
    # A wider mode was asked for, whatever the umask is; until here no other user could open the file.
    if mode != PRIVATE and os.name == "posix" and os.fstat(descriptor).st_size == 0:
        os.fchmod(descriptor, mode)
    return descriptor


def ensure_file(path: Path, mode: int = PRIVATE) -> None:
    """Make an empty file where there is none, for a library that would make it readable by all; raises OSError.

    One that is there is not opened: to close any descriptor of a file gives up every lock of the process on it.
    """
    with _MAKING, contextlib.suppress(FileExistsError):
        os.close(create(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))


def make_folder(folder: Path, mode: int | None = None) -> list[Path]:
    """Make a folder and every parent that is missing, outermost first, and give them; raises OSError.

    `mode` is that of the files in it: users who may read or write them may list the folder, or add to it.
    """
    files = file_mode() if mode is None else mode
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    for each in missing:
        each.mkdir(exist_ok=True, mode=0o700)
        if files != PRIVATE:
            each.chmod(0o700 | files | (files & 0o444) >> 2)
    if not missing:
        # Raises where something else than a folder is there.
        folder.mkdir(exist_ok=True)
    return missing
