"""Router: aiohttp's server with a dictionary of handlers; a router and middlewares cost as much as a reading does."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from rookery.worker.http.aiohttp_protocol import AiohttpProtocol
from rookery.worker.http.wire.request_head import HEAD_BYTES, HEADERS, TARGET_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rookery.worker.auth.policy import AuthenticationFailure

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Router:
    """Hands each request to the handler of its method and path; what is known otherwise is 405, all else 404."""

    def __init__(
        self,
        handlers: Mapping[tuple[str, str], Handler],
        *,
        failed: Callable[[BaseException], AuthenticationFailure],
        max_request_bytes: int,
    ) -> None:
        """Store handlers by method and path, what is asked where one fails, and the longest body.

        Where there is a GET, there is a HEAD.
        """
        heads = {("HEAD", path): handler for (method, path), handler in handlers.items() if method == "GET"}
        self._handlers = {**heads, **handlers}
        self._failed = failed
        self._max_request_bytes = max_request_bytes
        self._server: web.Server | None = None

    def protocol(self) -> AiohttpProtocol:
        """Make the protocol of one connection, inside a running loop."""
        loop = asyncio.get_running_loop()
        if self._server is None:
            self._server = web.Server(self._handle, request_factory=partial(web.BaseRequest, loop=loop))
        protocol = AiohttpProtocol(
            self._server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # none is kept
            # Bodies are bounded and unpacked before; aiohttp keeps one as it is handed it, in one piece.
            auto_decompress=False,
            read_bufsize=self._max_request_bytes,
            max_field_size=HEAD_BYTES,
            max_headers=2 * HEADERS,
            max_line_size=TARGET_BYTES,
        )
        protocol.failed = self._failed
        return protocol

    async def close(self, seconds: float) -> None:
        """Close every connection; what is still being answered gets so long."""
        if self._server is not None:
            await self._server.shutdown(seconds)

    def _handle(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        known = self._handlers
        # As it was sent first: parsing a path costs more than finding it.
        handler = known.get((request.method, request.raw_path)) or known.get((request.method, request.path))
        # Given on as it is: each coroutine around another one is paid for by every request.
        return (handler or self._none)(request)

    async def _none(self, request: web.BaseRequest) -> web.StreamResponse:
        known = self._handlers
        allowed = sorted(method for method, path in known if path == request.path)
        if allowed:
            return web.Response(
                status=405, text="405: Method Not Allowed", headers={"Allow": ",".join(allowed)}
            )
        return web.Response(status=404, text="404: Not Found")
