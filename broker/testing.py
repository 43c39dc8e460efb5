"""Push endpoints for tests and load: they give configured answers and record every request."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

_LENGTH: Final = re.compile(rb"content-length: ([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Received:
    """One POST as it came; header names compare without case."""

    body: bytes
    headers: Mapping[str, str]
    at: float

    def push(self) -> dict[str, Any]:
        """Read a wrapped push."""
        push: dict[str, Any] = json.loads(self.body)
        return push


class RecordingEndpoint:
    """Listen on a free port of loopback while the context is open.

    Answers with `statuses` in turn, then with 204; while `gate` is cleared, answers wait.
    """

    def __init__(self, statuses: Iterable[int] = ()) -> None:
        self.received: list[Received] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.in_flight = 0
        self.most_in_flight = 0
        self.url = ""
        self._statuses = iter(statuses)
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/push", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/push"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gate.set()
        await self._runner.cleanup()

    async def wait_for(self, count: int) -> list[Received]:
        """Wait until so many requests have come; gives them all, in order of arrival."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def _answer(self, request: web.Request) -> web.Response:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            body = await request.read()
            async with self._arrived:
                self.received.append(Received(body, request.headers, asyncio.get_running_loop().time()))
                status = next(self._statuses, 204)
                self._arrived.notify_all()
            await self.gate.wait()
            return web.Response(status=status)
        finally:
            self.in_flight -= 1


class RawEndpoint:
    """Answer requests on a free port of loopback with the next of `answers`, byte for byte (None: never).

    With `ends` the connection is closed behind each answer. `requests` has what came, and on which connection.
    """

    def __init__(self, *answers: bytes | None, ends: bool = False) -> None:
        self.requests: list[tuple[int, bytes]] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self.port = 0
        self._answers = iter(answers)
        self._ends = ends

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self.writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        number = len(self.writers)
        try:
            await self._answer(number, reader, writer)
            while not self._ends:
                await self._answer(number, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()

    async def _answer(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        self.requests.append((number, head + await reader.readexactly(int(length[1]) if length else 0)))
        self.asked.set()
        answer = next(self._answers, None)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
