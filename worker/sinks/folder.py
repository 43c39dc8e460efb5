"""FolderSink: blocks as NDJSON segments in a local folder, by day and hour."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.segment import hour_of
from worker.even_lines import joined
from worker.segment import Segment, make, recover
from worker.sink import SinkUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.sink import Block

log: Final = logging.getLogger(__name__)

REMEMBERED: Final = 10_000
"""Blocks whose keys are remembered, so that a batch that is redelivered whole is not written twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """When a segment gets its final name: at this age or size, and at the end of its hour."""

    seconds: float = 1.0
    size: int = 64 * 1024 * 1024


class FolderSink:
    """Appends blocks to one open segment, each synced before it is answered for: one sync a block, few files.

    A killed worker's segment is sealed by the next start; readers trust its whole lines before that, too.
    """

    def __init__(self, root: Path, *, roll: Roll | None = None) -> None:
        """Store where to write."""
        self._root = root
        self._roll = roll or Roll()
        self._segment: Segment | None = None
        self._hour = ""
        self._timer: asyncio.TimerHandle | None = None
        self._sealing: asyncio.Future[None] | None = None
        self._keys: OrderedDict[str, None] = OrderedDict()
        # One thread: blocks are appended one after the other, and sealing stands in the same line.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="folder-sink")

    async def open(self) -> None:
        """Make the folder and seal what a killed worker left open; raises SinkUnavailable."""
        await self._off_loop(self._open)

    async def write(self, block: Block) -> None:
        """Return when every line is on the disk under a name that is there too; raises SinkUnavailable."""
        await self._off_loop(lambda: self._write(block))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._roll.seconds, self._seal_soon)

    async def close(self) -> None:
        """Seal the open segment."""
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(SinkUnavailable):
            await self._off_loop(self._seal)
        self._thread.shutdown()

    async def _off_loop(self, call: Callable[[], None]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except OSError as error:
            raise SinkUnavailable(f"cannot write to {self._root}: {error.strerror}") from error

    def _open(self) -> None:
        make(self._root)
        if left := recover(self._root):
            log.warning("sealed segments of a worker that was killed", extra={"segments": left})

    def _write(self, block: Block) -> None:
        if block.key and block.key in self._keys:
            return
        if self._segment is not None and hour_of(block.written_at) != self._hour:
            self._seal()
        if self._segment is None:
            self._segment = Segment.start(self._root, block.written_at)
            self._hour = hour_of(block.written_at)
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
        self._sealing = asyncio.get_running_loop().run_in_executor(self._thread, self._sealed)

    def _sealed(self) -> None:
        """Seal by age; what cannot be renamed now stays readable, and is sealed by the next start."""
        try:
            self._seal()
        except OSError as error:
            log.warning("cannot seal a segment: %s", error)
