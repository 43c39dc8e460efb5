"""Paced load: requests at a fixed rate whatever the server does, latency counted from when each was due.

A closed loop asks less of a server that is slow, and so hides its worst moments; this one does not. Run as
`python -m benchmarks.generators.paced PORT FILE RATE SECONDS CONNECTIONS FIRST`; prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Final, cast

import httptools
import uvloop

from benchmarks.generators.closed_loop import bound_sends
from benchmarks.servers.reference_answers import MARK
from rookery.load.percentile import percentile

_LEFT_S: Final = 5.0
"""Seconds after the end within which requests in flight may finish."""


class RequestRate:
    """Hands what is due to connections that are free; `late` holds seconds from due to answered, refusals counted."""

    def __init__(self, requests: list[list[bytes]], *, first: int, count: int) -> None:
        self.free: deque[PacedConnection] = deque()
        self.late: list[float] = []
        self.refused = 0
        self._requests = requests
        self._number = first
        self.count = count
        self.over = asyncio.Event()
        self._due: deque[float] = deque()
        # Not the loop's own clock: uvloop's has whole milliseconds.
        self.clock = time.perf_counter

    def due(self, moment: float) -> None:
        """Send one request that is due at a moment, or as soon as a connection is free."""
        if self.free:
            self._send(self.free.popleft(), moment)
        else:
            self._due.append(moment)

    def answered(self, connection: PacedConnection, moment: float, status: int) -> None:
        """Take an answer; the connection is free again."""
        self.late.append(self.clock() - moment)
        if len(self.late) == self.count:
            self.over.set()
        self.refused += status >= 300  # noqa: PLR2004  HTTP's own border
        if self._due:
            self._send(connection, self._due.popleft())
        else:
            self.free.append(connection)

    def _send(self, connection: PacedConnection, moment: float) -> None:
        self._number += 1
        pieces = self._requests[self._number % len(self._requests)]
        connection.ask((b"%016d" % self._number).join(pieces), moment)


class PacedConnection(asyncio.Protocol):
    """One connection with at most one request in flight."""

    def __init__(self, pace: RequestRate) -> None:
        self._pace = pace
        self._moment = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Offer itself."""
        self._transport = cast("asyncio.Transport", transport)
        bound_sends(transport.get_extra_info("socket"))
        self._pace.free.append(self)

    def ask(self, request: bytes, moment: float) -> None:
        """Send one request."""
        self._moment = moment
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Parse an answer."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Hand a whole answer over."""
        self._pace.answered(self, self._moment, self._parser.get_status_code())


async def keep_pace(port: int, pace: RequestRate, *, rate: float, connections: int) -> None:
    """Send what the pace counts, `rate` requests a second, over so many connections."""
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: PacedConnection(pace), "127.0.0.1", port)
    begin = pace.clock()
    for nth in range(pace.count):
        moment = begin + nth / rate
        if (wait := moment - pace.clock()) > 0:
            await asyncio.sleep(wait)
        pace.due(moment)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(pace.over.wait(), _LEFT_S)


async def _main(port: int, requests: list[list[bytes]], options: tuple[float, float, int, int]) -> None:
    rate, seconds, connections, first = options
    pace = RequestRate(requests, first=first, count=int(rate * seconds))
    await keep_pace(port, pace, rate=rate, connections=connections)
    late = sorted(1e3 * each for each in pace.late)
    said = {
        "requests": len(late),
        "unanswered": pace.count - len(late),
        "refused": pace.refused,
        "p50_ms": percentile(late, 0.5),
        "p99_ms": percentile(late, 0.99),
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    _port, _file, _rate, _seconds, _connections, _first = sys.argv[1:]
    _requests = [each.split(MARK.encode()) for each in Path(_file).read_bytes().split(b"\0")]
    uvloop.run(_main(int(_port), _requests, (float(_rate), float(_seconds), int(_connections), int(_first))))
