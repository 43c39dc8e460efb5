"""Router: hands requests that are no pushes on the fast path to the handlers of their methods and paths."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rookery.worker.http.responses import NOT_ALLOWED, NOT_FOUND, TEXT, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rookery.worker.http.whole_request import WholeRequest

    Handler = Callable[[WholeRequest], Awaitable[Response]]


class Router:
    """Answers each request by the handler of its method and path; what is known otherwise is 405, all else 404."""

    def __init__(self, handlers: Mapping[tuple[str, str], Handler]) -> None:
        """Store handlers by method and path. Where there is a GET, there is a HEAD."""
        heads = {("HEAD", path): handler for (method, path), handler in handlers.items() if method == "GET"}
        self._handlers = {**heads, **handlers}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(
        self, request: WholeRequest, answer: Callable[[Response], None], failed: Callable[[Exception], None]
    ) -> None:
        """Serve a request in a task of its own: `answer` gets the response, or `failed` what its handler raised."""
        task = asyncio.create_task(self._serve(request, answer, failed), name="a request's handler")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, seconds: float) -> None:
        """Let what is still being served come to its end, for so long."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()

    async def _serve(
        self, request: WholeRequest, answer: Callable[[Response], None], failed: Callable[[Exception], None]
    ) -> None:
        try:
            response = await self._handler(request)(request)
        except Exception as error:  # noqa: BLE001  the last resort of all requests
            # Never kept in a variable: a frame, its exception and the traceback's frames would hold each other.
            failed(error)
        else:
            answer(response)

    def _handler(self, request: WholeRequest) -> Handler:
        head, known = request.head, self._handlers
        # As it was sent first: unquoting a path costs more than finding it.
        return known.get((head.method, head.target)) or known.get((head.method, _path(request)), self._none)

    async def _none(self, request: WholeRequest) -> Response:
        path = _path(request)
        allowed = sorted(method for method, known in self._handlers if known == path)
        if allowed:
            return Response(b"405: Method Not Allowed", NOT_ALLOWED, TEXT, {"Allow": ",".join(allowed)})
        return Response(b"404: Not Found", NOT_FOUND)


def _path(request: WholeRequest) -> str:
    """The path of a request's target, without its query."""
    return unquote(request.head.target.partition("?")[0].partition("#")[0])
