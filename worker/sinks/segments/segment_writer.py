"""SegmentWriter: blocks that are appended one after the other, each synced before it is answered for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.schemas.output.permissions import PRIVATE
from rookery.schemas.segment import sealed
from rookery.worker.encoding.fixed_width import Pieces, joined
from rookery.worker.sinks.segments.direct_file import direct_memory
from rookery.worker.sinks.segments.errors import SegmentLostError
from rookery.worker.sinks.segments.segment import DIRECT_PIECE, Segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from rookery.worker.sinks.protocol import LineBlock

log: Final = logging.getLogger(__name__)

QUICK_SECONDS: Final = 0.005
"""A disk that needed less for its last block is quick: handing a block to a thread costs as much as its sync."""

REMEMBERED: Final = 10_000
"""Blocks whose keys are remembered, so that a batch that is redelivered whole is not written twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationPolicy:
    """When a segment gets its final name: at this age or size, and at the end of its hour."""

    seconds: float = 1.0
    size: int = 64 * 1024 * 1024


class SegmentWriter:
    """One open segment below a folder: one sync a block, few files. Where `quick_seconds` is 0, in a thread.

    Else blocks are appended on the event loop as long as the disk is quick. `direct` segments are for large blocks.
    """

    def __init__(  # noqa: PLR0913  each differs between a folder's two lines, or between tests
        self,
        root: Path,
        *,
        roll: RotationPolicy,
        quick_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        mode: int = PRIVATE,
        direct: bool = False,
    ) -> None:
        """Store where to write; nothing is there before the first block."""
        self._memory = direct_memory(2 * DIRECT_PIECE) if direct else None
        self._root = root
        self._mode = mode
        self._roll = roll
        self._segment: Segment | None = None
        self._hour = (0, 0, 0, 0)
        self._timer: asyncio.TimerHandle | None = None
        self._sealing: asyncio.Future[None] | None = None
        # Where each block ended, and in which segment.
        self._keys: OrderedDict[str, tuple[Path, int]] = OrderedDict()
        self._clock = clock
        self._quick_seconds = quick_seconds
        self._quick = quick_seconds > 0
        self._hands = threading.Lock()
        # One thread: blocks are appended one after the other, and sealing stands in the same line. It gives way to none:
        # its work is little, and while it waits for the CPU between two steps the disk has nothing to do.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="folder-sink")

    async def append(self, block: LineBlock) -> None:
        """Return when every line is on the disk under a name that is there too; raises OSError."""
        if not self._on_loop(self._write, block):
            await self._off_loop(self._write, block)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._roll.seconds, self._seal_soon)

    async def close(self) -> None:
        """Seal the open segment."""
        if self._timer is not None:
            self._timer.cancel()
        await self._off_loop(self._seal)
        self._thread.shutdown()

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> bool:
        """Do it at once where the disk is quick and no thread has its hands on the segment; says whether it did."""
        if not self._quick or not self._hands.acquire(blocking=False):
            return False
        try:
            self._timed(call, *arguments)
        finally:
            self._hands.release()
        return True

    async def _off_loop(self, call: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._handed, call, *arguments)

    def _handed(self, call: Callable[..., None], *arguments: object) -> None:
        with self._hands:
            self._timed(call, *arguments)

    def _timed(self, call: Callable[..., None], *arguments: object) -> None:
        began = self._clock()
        try:
            call(*arguments)
        finally:
            self._quick = self._clock() - began < self._quick_seconds

    def _write(self, block: LineBlock) -> None:
        if block.key and self._holds(block.key):
            return
        at = block.written_at
        hour = (at.year, at.month, at.day, at.hour)
        if hour != self._hour:
            self._seal()
            self._hour = hour
        segment = self._appended(joined(block.lines), at)
        if block.key:
            self._remember(block.key, segment)
        if segment.size >= self._roll.size:
            self._seal()

    def _appended(self, content: bytes | memoryview | Pieces, at: datetime) -> Segment:
        """Append to the open segment, or to a new one, and give it."""
        try:
            return self._append(content, at)
        except SegmentLostError:
            # A new one takes its place at once, folders included; where that is lost as well, the sender retries.
            return self._append(content, at)

    def _append(self, content: bytes | memoryview | Pieces, at: datetime) -> Segment:
        segment = self._segment = self._segment or Segment.start(
            self._root, at, self._mode, memory=self._memory
        )
        try:
            segment.append(content)
        except SegmentLostError as error:
            self._segment = None
            segment.abandon()
            log.error("%s: %s; lines that it held may be lost", segment.path, error.strerror)  # noqa: TRY400  no defect of ours
            raise
        except OSError:
            # After a failed sync the kernel may have dropped what it could not write: never build on this file.
            self._seal()
            raise
        return segment

    def _holds(self, key: str) -> bool:
        """Whether a block was written, and its file is still as long as it was then."""
        if key not in self._keys:
            return False
        path, end = self._keys[key]
        for each in (path, sealed(path)):
            with contextlib.suppress(OSError):
                return each.stat().st_size >= end
        return False

    def _remember(self, key: str, segment: Segment) -> None:
        self._keys[key] = (segment.path, segment.size)
        if len(self._keys) > REMEMBERED:
            self._keys.popitem(last=False)

    def _seal_soon(self) -> None:
        self._timer = None
        if not self._on_loop(self._seal):
            # Kept, for a loop holds its tasks only weakly.
            self._sealing = asyncio.ensure_future(self._off_loop(self._seal))

    def _seal(self) -> None:
        """Seal the open segment; what cannot be renamed now stays readable, and is sealed by the next start."""
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            segment.seal()
        except OSError as error:
            log.warning("cannot seal %s: %s", segment.path, error.strerror)
