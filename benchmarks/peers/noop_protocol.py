"""The minimum of a server in Python: httptools parses, 204 is answered; `GET /` reports the count."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from dataclasses import asdict, dataclass
from typing import Final, cast

import httptools
import uvloop

_DONE: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(slots=True)
class Count:
    """Requests posted, and when the first and the last one came, in monotonic seconds."""

    posts: int = 0
    first: float = 0.0
    last: float = 0.0

    def add(self) -> None:
        """Count one."""
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.posts += 1


class Noop(asyncio.Protocol):
    """One connection."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Answer a whole request."""
        if self._transport is None:
            return
        if self._parser.get_method() == b"POST":
            self._count.add()
            self._transport.write(_DONE)
        else:
            said = json.dumps(asdict(self._count)).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))


def port() -> int:
    """Give the port to listen on."""
    return int(os.environ["BENCH_PORT"])


async def _serve() -> None:
    count = Count()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Noop(count), "127.0.0.1", port())
    gc.collect()
    gc.freeze()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
