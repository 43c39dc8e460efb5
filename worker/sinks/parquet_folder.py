"""ParquetFolderSink: blocks of predictions as Parquet files in a local folder, by day and hour; each is there whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rookery.schemas.output.permissions import PRIVATE, create
from rookery.schemas.segment import PARQUET, UNFINISHED, hour_of
from rookery.worker.encoding.parquet_files import parquet_files
from rookery.worker.runtime.thread_priority import give_way
from rookery.worker.sinks.folder import FolderSink
from rookery.worker.sinks.protocol import SinkUnavailableError
from rookery.worker.sinks.segments.folders import make, sync

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.worker.sinks.protocol import LineBlock


class ParquetFolderSink:
    """One file a block, synced under a hidden name, renamed, and its name synced before it is answered for."""

    def __init__(self, root: Path, *, mode: int = PRIVATE) -> None:
        """Store where to write, and the mode of new files."""
        self._root = root
        self._mode = mode
        # Opened and probed as any folder of results is; lines that were written before are sealed.
        self._folder = FolderSink(root, mode=mode)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parquet-sink", initializer=give_way)

    async def open(self) -> None:
        """Make the folder, write to it, and remove what a killed worker left unfinished; raises SinkUnavailableError."""
        await self._folder.open()
        await asyncio.to_thread(remove_unfinished, self._root)

    async def write(self, block: LineBlock) -> None:
        """Return when the block's file is on the disk under its name; raises SinkUnavailableError."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, block)
        except OSError as error:
            raise SinkUnavailableError(f"cannot write to {self._root}: {error.strerror}") from error

    async def probe(self) -> None:
        """Write a file without a name; raises SinkUnavailableError."""
        await self._folder.probe()

    async def close(self) -> None:
        """Let the thread end."""
        await self._folder.close()
        self._thread.shutdown()

    def _write(self, block: LineBlock) -> None:
        folder = make(self._root / hour_of(block.written_at), self._mode)
        for content in parquet_files(block.lines):
            name = f"{block.written_at:%H%M%S}-{secrets.token_hex(8)}{PARQUET}"
            unfinished = folder / f"{UNFINISHED}{name}"
            descriptor = create(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._mode)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    # The lock ends with the process: a process that can take it knows that no other one writes here.
                    fcntl.flock(file, fcntl.LOCK_EX)
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                    unfinished.rename(folder / name)
            except OSError:
                with contextlib.suppress(OSError):
                    unfinished.unlink()
                raise
        sync(folder)
        # A folder that was removed or unmounted meanwhile takes names and loses them.
        (folder / name).stat()


def remove_unfinished(root: Path) -> None:
    """Remove what killed workers were writing, which was never answered for."""
    for path in root.rglob(f"{UNFINISHED}*{PARQUET}"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
