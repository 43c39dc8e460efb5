"""Client: many connections that post bodies one after the other, and say what was answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rookery.load.fuzz.bodies import Body

_CONNECTIONS: Final = 32
_ANSWERS_WITHIN_S: Final = 30.0


class FuzzConnection:
    """One kept-alive HTTP/1.1 connection, opened anew where the server closed it."""

    def __init__(self, host: str, port: int, *, answers_within: float = _ANSWERS_WITHIN_S) -> None:
        self._host = host
        self._port = port
        self._answers_within = answers_within
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, content: bytes) -> int:
        """Post a body and return the status; raises OSError, TimeoutError."""
        await self.send(path, content)
        return await self.status()

    async def send(self, path: str, content: bytes) -> None:
        """Send a request; `status` must follow. Raises OSError."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        _, writer = self._streams
        writer.write(
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (path.encode(), len(content))
        )
        writer.write(content)
        await writer.drain()

    async def status(self) -> int:
        """Wait for the answer to what was sent; raises OSError, TimeoutError."""
        if self._streams is None:
            raise ConnectionError("nothing was sent")
        reader, _ = self._streams
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), self._answers_within)).lower()
        length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        if length:
            await reader.readexactly(int(length))
        if b"connection: close" in head:
            await self.close()
        return int(head.split(b" ", 2)[1])

    async def close(self) -> None:
        """Close the connection; the next post opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def post_all(
    address: str, bodies: Iterator[tuple[str, Body]], answered: Callable[[str, Body, int], None]
) -> None:
    """Post every (path, body) over some connections at once and tell each status; 0 stands for a broken connection."""
    host, port = address.removeprefix("http://").rsplit(":", 1)

    async def one() -> None:
        connection = FuzzConnection(host, int(port))
        for path, body in bodies:
            try:
                status = await connection.post(path, body.content)
            except (OSError, EOFError, TimeoutError):
                status = 0
                await connection.close()
            answered(path, body, status)
        await connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(one())
