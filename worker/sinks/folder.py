"""FolderSink: blocks as NDJSON segments in a local folder, by day and hour."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from typing import TYPE_CHECKING, Final

from rookery.schemas.output.permissions import PRIVATE, create
from rookery.worker.encoding.fixed_width import size_of
from rookery.worker.runtime.daemon_call import in_daemon
from rookery.worker.sinks.protocol import SinkUnavailableError
from rookery.worker.sinks.segments.folders import make
from rookery.worker.sinks.segments.segment import recover
from rookery.worker.sinks.segments.segment_writer import QUICK_SECONDS, RotationPolicy, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rookery.worker.sinks.protocol import LineBlock

log: Final = logging.getLogger(__name__)

SMALL_LINES: Final = 512
SMALL_BYTES: Final = 512 * 1024
"""Up to so many lines of so many bytes are a small block, which may be written on the event loop."""


PROBE_BYTES: Final = 64 * 1024
"""As much as a segment is prepared ahead with, so that a disk with space for a few lines only is full."""


class FolderSink:
    """Appends blocks to open segments, each synced before it is answered for.

    Small and large blocks have a segment each, so that a reading does not wait until ten thousand others are on the
    disk. A killed worker's segments are sealed by the next start; readers trust their whole lines before that, too.
    """

    def __init__(
        self,
        root: Path,
        *,
        roll: RotationPolicy | None = None,
        quick_seconds: float = QUICK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        mode: int = PRIVATE,
    ) -> None:
        """Store where to write, and the mode of new files; with `quick_seconds` 0 small blocks, too, are written in a thread."""
        self._root = root
        self._mode = mode
        roll = roll or RotationPolicy()
        self._small = SegmentWriter(root, roll=roll, quick_seconds=quick_seconds, clock=clock, mode=mode)
        self._large = SegmentWriter(root, roll=roll, quick_seconds=0, mode=mode, direct=True)

    async def open(self) -> None:
        """Make the folder, write to it, and seal what a killed worker left open; raises SinkUnavailableError."""
        try:
            await asyncio.to_thread(self._open)
        except OSError as error:
            raise self._unavailable(error) from error

    async def write(self, block: LineBlock) -> None:
        """Return when every line is on the disk under a name that is there too; raises SinkUnavailableError."""
        try:
            await (self._small if _is_small(block.lines) else self._large).append(block)
        except OSError as error:
            raise self._unavailable(error) from error

    async def probe(self) -> None:
        """Write a file without a name, folders included, in a thread that may hang; raises SinkUnavailableError."""
        try:
            await in_daemon(self._probe, "folder probe")
        except OSError as error:
            raise self._unavailable(error) from error

    async def close(self) -> None:
        """Seal the open segments."""
        await asyncio.gather(self._small.close(), self._large.close())

    def _unavailable(self, error: OSError) -> SinkUnavailableError:
        return SinkUnavailableError(f"cannot write to {self._root}: {error.strerror}")

    def _open(self) -> None:
        self._probe()
        if left := recover(self._root):
            log.warning("sealed segments of a worker that was killed", extra={"segments": left})

    def _probe(self) -> None:
        make(self._root, self._mode)
        path = self._root / f".probe-{secrets.token_hex(8)}"
        with os.fdopen(create(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._mode), "wb") as file:
            # Nothing is left of it, whatever ends the worker meanwhile.
            path.unlink()
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())


def _is_small(lines: Sequence[bytes]) -> bool:
    return len(lines) <= SMALL_LINES and size_of(lines) <= SMALL_BYTES


__all__ = ["FolderSink", "RotationPolicy"]
