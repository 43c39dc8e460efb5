"""Routes: aiohttp's server with a dictionary of handlers; a router and middlewares cost as much as a reading does."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    Door = Callable[[web.BaseRequest], web.Response | None]


class Routes:
    """Hands each request to the handler of its method and path; what is known otherwise is 405, all else 404."""

    def __init__(
        self, handlers: Mapping[tuple[str, str], Handler], *, body_bytes: int, door: Door | None = None
    ) -> None:
        """Store handlers by method and path, the longest body, and who is refused; where there is a GET, there is a HEAD."""
        self._door = door
        heads = {("HEAD", path): handler for (method, path), handler in handlers.items() if method == "GET"}
        self._handlers = {**heads, **handlers}
        self._body_bytes = body_bytes

    def server(self, *, max_field_size: int) -> web.Server:
        """Make the server, inside a running loop; a longer header than that is refused."""
        loop = asyncio.get_running_loop()
        request = partial(web.BaseRequest, loop=loop, client_max_size=self._body_bytes)
        return web.Server(
            self._handle, request_factory=request, access_log=None, max_field_size=max_field_size
        )

    def _handle(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        if self._door is not None and (refusal := self._door(request)) is not None:
            return _given(refusal)
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


async def _given(response: web.Response) -> web.Response:
    return response
