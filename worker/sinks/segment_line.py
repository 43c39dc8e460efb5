"""SegmentLine: blocks that are appended one after the other, each synced before it is answered for."""

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

from worker.even_lines import joined
from worker.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.sink import Block

log: Final = logging.getLogger(__name__)

QUICK_SECONDS: Final = 0.005
"""A disk that needed less for its last block is quick: handing a block to a thread costs as much as its sync."""

REMEMBERED: Final = 10_000
"""Blocks whose keys are remembered, so that a batch that is redelivered whole is not written twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """When a segment gets its final name: at this age or size, and at the end of its hour."""

    seconds: float = 1.0
    size: int = 64 * 1024 * 1024


class SegmentLine:
    """One open segment below a folder: one sync a block, few files. Where `quick_seconds` is 0, in a thread.

    Else blocks are appended on the event loop as long as the disk is quick. `begins` is called in the thread first.
    """

    def __init__(
        self,
        root: Path,
        *,
        roll: Roll,
        quick_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        begins: Callable[[], None] | None = None,
    ) -> None:
        """Store where to write; nothing is there before the first block."""
        self._root = root
        self._roll = roll
        self._segment: Segment | None = None
        self._hour = (0, 0, 0, 0)
        self._timer: asyncio.TimerHandle | None = None
        self._sealing: asyncio.Future[None] | None = None
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._clock = clock
        self._quick_seconds = quick_seconds
        self._quick = quick_seconds > 0
        self._hands = threading.Lock()
        # One thread: blocks are appended one after the other, and sealing stands in the same line.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="folder-sink", initializer=begins)

    async def append(self, block: Block) -> None:
        """Return when every line is on the disk under a name that is there too; raises OSError."""
        if not self._on_loop(self._write, block):
            await self._off_loop(self._write, block)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._roll.seconds, self._seal_soon)

    async def close(self) -> None:
        """Seal the open segment."""
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(OSError):
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

    def _write(self, block: Block) -> None:
        if block.key and block.key in self._keys:
            return
        at = block.written_at
        hour = (at.year, at.month, at.day, at.hour)
        if self._segment is not None and hour != self._hour:
            self._seal()
        if self._segment is None:
            self._segment = Segment.start(self._root, block.written_at)
            self._hour = hour
        try:
            self._segment.append(joined(block.lines))
        except OSError:
            # After a failed sync the kernel may have dropped what it could not write: never build on this file.
            with contextlib.suppress(OSError):
                self._seal()
            raise
        if block.key:
            self._remember(block.key)
        if self._segment.size >= self._roll.size:
            self._seal()

    def _remember(self, key: str) -> None:
        self._keys[key] = None
        if len(self._keys) > REMEMBERED:
            self._keys.popitem(last=False)

    def _seal(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.seal()

    def _seal_soon(self) -> None:
        self._timer = None
        if not self._on_loop(self._sealed):
            # Kept, for a loop holds its tasks only weakly.
            self._sealing = asyncio.ensure_future(self._off_loop(self._sealed))

    def _sealed(self) -> None:
        """Seal by age; what cannot be renamed now stays readable, and is sealed by the next start."""
        try:
            self._seal()
        except OSError as error:
            log.warning("cannot seal a segment: %s", error)
