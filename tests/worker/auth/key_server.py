"""The server of Google's keys, and the clock by which they age."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from aiohttp import web

from tests.worker.auth.signed_tokens import SIGNER


class KeyServer:
    """Serves a signer's keys over HTTP; counts, and fails on demand."""

    def __init__(self) -> None:
        self.document: Any = SIGNER.jwks()
        self.asked = 0
        self.status = 200
        self.age = "public, max-age=100"
        self.raw: bytes | None = None
        self.headers: dict[str, str] = {}
        self.moved: str | None = None
        self.endless = False
        self.sent = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def _without_end(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" " * 65_536)
                self.sent += 65_536
        return response

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        await self.gate.wait()
        if self.raw is not None:
            return web.Response(body=self.raw, headers=self.headers)
        if self.endless:
            return await self._without_end(request)
        if self.moved is not None:
            raise web.HTTPFound(self.moved)
        return web.json_response(self.document, status=self.status, headers={"Cache-Control": self.age})


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now
