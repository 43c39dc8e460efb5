"""A push endpoint for tests and load: it answers as told and remembers what it was sent."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self


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
        self.under_way = 0
        self.most_under_way = 0
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
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            body = await request.read()
            async with self._arrived:
                self.received.append(Received(body, request.headers, asyncio.get_running_loop().time()))
                status = next(self._statuses, 204)
                self._arrived.notify_all()
            await self.gate.wait()
            return web.Response(status=status)
        finally:
            self.under_way -= 1
