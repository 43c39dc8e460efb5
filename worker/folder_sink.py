"""FolderSink: blocks as NDJSON files in a local folder, by day and hour."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
from typing import TYPE_CHECKING, Final

from worker.sink import SinkUnavailable

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from worker.sink import Block

UNFINISHED: Final = ".unfinished-"
"""How the name of a file begins that no reader may trust yet."""


def folder_of(moment: datetime) -> str:
    """The folder of an hour, in the form that query engines know: `date=YYYY-MM-DD/hour=HH`."""
    return f"date={moment:%Y-%m-%d}/hour={moment:%H}"


class FolderSink:
    """One file a block: written whole and synced under an unfinished name, then renamed, then its folder synced.

    A file is named after the readings that it answers, so that a redelivered batch replaces nothing and adds nothing.
    """

    def __init__(self, root: Path) -> None:
        """Store where to write."""
        self._root = root
        self._made: set[Path] = set()

    async def open(self) -> None:
        """Make the folder and sweep up what a killed worker left unfinished; raises SinkUnavailable."""
        await asyncio.to_thread(self._open)

    async def write(self, block: Block) -> None:
        """Return when the block's file and its name are on the disk; raises SinkUnavailable."""
        await asyncio.to_thread(self._write, block)

    async def close(self) -> None:
        """Nothing is held open between blocks."""

    def _open(self) -> None:
        try:
            self._make(self._root)
            for left in self._root.glob(f"date=*/hour=*/{UNFINISHED}*"):
                _sweep(left)
        except OSError as error:
            raise SinkUnavailable(f"cannot write to {self._root}: {error.strerror}") from error

    def _write(self, block: Block) -> None:
        folder = self._root / folder_of(block.written_at)
        final = folder / f"{block.key}.ndjson"
        unfinished = folder / f"{UNFINISHED}{secrets.token_hex(8)}"
        try:
            self._make(folder)
            if not final.exists():
                _write_synced(unfinished, b"".join(block.lines))
                unfinished.rename(final)
            _sync(folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise SinkUnavailable(f"cannot write to {folder}: {error.strerror}") from error

    def _make(self, folder: Path) -> None:
        """Make a folder and every parent that is missing, each name synced into its own parent."""
        if folder in self._made:
            return
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for each in missing:
            _sync(each.parent)
        self._made.add(folder)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb", buffering=0) as file:
        # The lock dies with the process: whoever can take it knows that nobody writes here any more.
        fcntl.flock(file, fcntl.LOCK_EX)
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())


def _sweep(unfinished: Path) -> None:
    """Remove a file whose writer was killed; one that is being written is left alone."""
    with contextlib.suppress(FileNotFoundError, BlockingIOError), unfinished.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unfinished.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
