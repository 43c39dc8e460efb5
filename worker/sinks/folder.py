"""FolderSink: blocks as NDJSON segments in a local folder, by day and hour."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from schemas.permissions import PRIVATE
from worker.even_lines import size_of
from worker.priority import give_way
from worker.segment import make, recover
from worker.sink import SinkUnavailable
from worker.sinks.segment_line import QUICK_SECONDS, Roll, SegmentLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from worker.sink import Block

log: Final = logging.getLogger(__name__)

SMALL_LINES: Final = 512
SMALL_BYTES: Final = 512 * 1024
"""Up to so many lines of so many bytes are a small block, which may be written on the event loop."""


class FolderSink:
    """Appends blocks to open segments, each synced before it is answered for.

    Small and large blocks have a segment each, so that a reading does not wait until ten thousand others are on the
    disk. A killed worker's segments are sealed by the next start; readers trust their whole lines before that, too.
    """

    def __init__(
        self,
        root: Path,
        *,
        roll: Roll | None = None,
        quick_seconds: float = QUICK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        mode: int = PRIVATE,
    ) -> None:
        """Store where to write, and the mode of new files; with `quick_seconds` 0 small blocks, too, are written in a thread."""
        self._root = root
        self._mode = mode
        roll = roll or Roll()
        self._small = SegmentLine(root, roll=roll, quick_seconds=quick_seconds, clock=clock, mode=mode)
        self._large = SegmentLine(root, roll=roll, quick_seconds=0, begins=give_way, mode=mode)

    async def open(self) -> None:
        """Make the folder and seal what a killed worker left open; raises SinkUnavailable."""
        try:
            await asyncio.to_thread(self._open)
        except OSError as error:
            raise self._unavailable(error) from error

    async def write(self, block: Block) -> None:
        """Return when every line is on the disk under a name that is there too; raises SinkUnavailable."""
        try:
            await (self._small if _is_small(block.lines) else self._large).append(block)
        except OSError as error:
            raise self._unavailable(error) from error

    async def close(self) -> None:
        """Seal the open segments."""
        await asyncio.gather(self._small.close(), self._large.close())

    def _unavailable(self, error: OSError) -> SinkUnavailable:
        return SinkUnavailable(f"cannot write to {self._root}: {error.strerror}")

    def _open(self) -> None:
        make(self._root, self._mode)
        if left := recover(self._root):
            log.warning("sealed segments of a worker that was killed", extra={"segments": left})


def _is_small(lines: Sequence[bytes]) -> bool:
    return len(lines) <= SMALL_LINES and size_of(lines) <= SMALL_BYTES


__all__ = ["FolderSink", "Roll"]
