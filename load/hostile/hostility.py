"""Hostility: a sort of connection, many times over, and what the worker holds before, meanwhile and afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.load.footprint import Footprint, footprint
from rookery.load.fuzz.connections import alive
from rookery.load.fuzz.exchanges.client import played

if TYPE_CHECKING:
    from rookery.load.hostile.sorts import Sort

LEFT_BYTES: Final = 20_000_000
"""Bytes that a worker may hold more than before, once all connections are gone."""

LEFT_FILES: Final = 8

_WRITES_WITHIN_S: Final = 10.0
_MOMENT_S: Final = 0.02
_LOOK_EVERY_S: Final = 0.2
_READ: Final = 65_536
_WARM_UP: Final = 500
_ACCEPTED: Final = 204


@dataclass(frozen=True, slots=True)
class Left:
    """The leftovers of one sort: the worker before, at its most while connections were open, and afterwards.

    `beside` is the longest that a plain push took meanwhile, in seconds, or None where one was not taken. `open_after_s`
    is when the last of those that were left open was closed by the worker, None where one never was.
    """

    sort: str
    connections: int
    before: Footprint
    most: Footprint
    after: Footprint
    beside: float | None
    open_after_s: float | None = 0.0

    @property
    def violations(self) -> list[str]:
        """The violated promises, in words."""
        said = []
        if self.after.resident - self.before.resident > LEFT_BYTES:
            said.append(f"{(self.after.resident - self.before.resident) / 1e6:.0f} MB are not given back")
        if self.after.files - self.before.files > LEFT_FILES:
            said.append(f"{self.after.files - self.before.files} files stay open")
        if self.beside is None:
            said.append("a plain push was not taken meanwhile")
        if self.open_after_s is None:
            said.append("connections that the client leaves open are never closed")
        return said


class Hostility:
    """Makes connections at one address; `pid` is the worker's. At most `at_once` are open at the same time."""

    def __init__(self, address: str, pid: int, *, at_once: int = 200, settles_within_s: float = 30.0) -> None:
        self._host, port = address.removeprefix("http://").rsplit(":", 1)
        self._port = int(port)
        self.pid = pid
        self._at_once = at_once
        self._settles_within_s = settles_within_s
        self._number = 0

    async def warm_up(self) -> None:
        """Push as ordinary traffic does, so that a worker's usual memory is allocated before it is measured."""
        for _ in range(_WARM_UP):
            await self._beside()

    async def attack(self, sort: Sort, count: int, *, left_open: int = 0, outwait_s: float = 0.0) -> Left:
        """Make so many connections of a sort, some at a time, and look at what they leave.

        Another `left_open` are not closed by the client: the worker has `outwait_s` to do so. Raises
        psutil.NoSuchProcess where the worker has ended.
        """
        count = max(1, int(count * sort.share))
        before = footprint(self.pid)
        seen, beside = [before], list[float | None]()
        looking = asyncio.create_task(self._look(seen), name="looking")
        for begin in range(0, count, self._at_once):
            size = min(self._at_once, count - begin)
            opened = await asyncio.gather(*(self._open(sort, begin + nth) for nth in range(size)))
            seen.append(footprint(self.pid))
            beside.append(await self._beside())
            for nth, writer in enumerate(opened):
                _leave(writer, reset=nth % 2 == 0)
        looking.cancel()
        most = Footprint(max(each.resident for each in seen), max(each.files for each in seen))
        longest = None if None in beside else max(each for each in beside if each is not None)
        closed = await self._outwaited(sort, left_open, outwait_s) if left_open else 0.0
        after = await self._settled(before)
        return Left(sort.name, count, before, most, after, longest, closed)

    async def _look(self, seen: list[Footprint]) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            seen.append(footprint(self.pid))

    async def _open(self, sort: Sort, number: int) -> asyncio.StreamWriter | None:
        """Open one and write all that the worker takes of it."""
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            return None
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_WRITES_WITHIN_S):
                for piece in sort.make(number):
                    writer.write(piece)
                    if sort.reads:
                        await writer.drain()
                    if sort.slow:
                        # That it is slow is what makes it hostile.
                        await asyncio.sleep(_MOMENT_S)
                if sort.half_close:
                    writer.write_eof()
                elif not sort.reads:
                    reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001  asyncio has no other way to leave answers unread
        return writer

    async def _beside(self) -> float | None:
        """How long a plain push takes, in seconds; None where it is not taken."""
        self._number += 1
        began = time.monotonic()
        try:
            answers = await played(self._host, self._port, alive(self._number))
        except OSError:
            return None
        taken = answers is not None and answers.statuses == (_ACCEPTED,)
        return time.monotonic() - began if taken else None

    async def _outwaited(self, sort: Sort, count: int, outwait_s: float) -> float | None:
        """When the worker closed the last of some connections that the client leaves open, in seconds."""
        began = time.monotonic()

        async def closed(number: int) -> None:
            reader, writer = await asyncio.open_connection(self._host, self._port)
            try:
                for piece in sort.make(number):
                    writer.write(piece)
                while await reader.read(_READ):
                    pass
            except OSError:
                pass
            finally:
                _leave(writer, reset=True)

        try:
            async with asyncio.timeout(outwait_s):
                await asyncio.gather(*(closed(number) for number in range(count)))
        except TimeoutError:
            return None
        return time.monotonic() - began

    async def _settled(self, before: Footprint) -> Footprint:
        """Look until memory and files are what they were, at most for a while."""
        until = time.monotonic() + self._settles_within_s
        while True:
            now = footprint(self.pid)
            back = now.resident - before.resident <= LEFT_BYTES and now.files - before.files <= LEFT_FILES
            if back or time.monotonic() > until:
                return now
            await asyncio.sleep(_LOOK_EVERY_S)


def _leave(writer: asyncio.StreamWriter | None, *, reset: bool) -> None:
    if writer is None:
        return
    connection = writer.get_extra_info("socket")
    if reset and connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
