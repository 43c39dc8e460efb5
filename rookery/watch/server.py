"""WatchServer: the page, its state as server-sent events, and the original bytes of rejections; no external resource."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
import orjson
from aiohttp import web

from rookery.errors import UserError
from rookery.load.accounting.folder_results import BrokenResultsError
from rookery.schemas.output.extras import install_hint
from rookery.worker.auth.host_policy import HostPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiohttp.typedefs import Handler, Middleware

    from rookery.watch.source import ResultsSource
    from rookery.watch.state import PageState
    from rookery.watch.stats_sources import StatsSources

log: Final = logging.getLogger(__name__)

_PAGE: Final = Path(__file__).parent / "page"
_FILES: Final = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js", "/charts.js": "charts.js"}
_POLL_INTERVAL_S: Final = 1.0
_SAFE: Final = {
    # Plotly writes its styles into the page; scripts come from files only, so that no reading can bring one.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class WatchedResults:
    """The source of a page, its state, and its neighbours."""

    source: ResultsSource
    state: PageState
    stats: StatsSources


class WatchServer:
    """Polls a source once a second, and sends the state to every open page."""

    def __init__(self, watched: WatchedResults, *, allowed_hosts: Sequence[str] = ()) -> None:
        """Store the source, and the host names that the page is served by beside loopback's; `serving` starts."""
        self._watched = watched
        self._allowed_hosts = allowed_hosts
        self._error: str | None = None
        self._event = b""
        self._news = asyncio.Condition()

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[str]:
        """Serve while the context is open and give the address; raises UserError where it cannot listen."""
        app = web.Application(middlewares=[_door(HostPolicy.of(host, self._allowed_hosts))])
        app.on_response_prepare.append(_safely)
        app.add_routes([web.get(path, self._file) for path in (*_FILES, "/plotly.min.js")])
        app.add_routes(
            [
                web.get("/events", self._events),
                web.get("/state", self._state),
                web.get(r"/rejections/{number:\d+}", self._original),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            try:
                await site.start()
            except OSError as error:
                raise UserError(
                    f"Cannot listen on {host}:{port}: {error.strerror}.", hint="--port names another."
                ) from None
            async with aiohttp.ClientSession() as client:
                await self._refresh(client)
                following = asyncio.create_task(self._follow(client), name="poll results")
                try:
                    yield f"http://{host}:{runner.addresses[0][1]}/"
                finally:
                    following.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await following
        finally:
            await runner.cleanup()

    async def _follow(self, client: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(_POLL_INTERVAL_S)
            await self._refresh(client)

    async def _refresh(self, client: aiohttp.ClientSession) -> None:
        """Read new results, fetch the statistics, and wake the pages."""
        watched = self._watched
        _, stats = await asyncio.gather(asyncio.to_thread(self._take), watched.stats.fetch(client))
        state = {
            "source": watched.source.name,
            "error": self._error,
            **watched.state.snapshot(),
            **stats,
        }
        event = orjson.dumps(state, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
        async with self._news:
            self._event = event
            self._news.notify_all()

    def _take(self) -> None:
        """Read new results; an error of the source is shown, and the next poll tries again."""
        source = self._watched.source
        try:
            self._watched.state.take(source.predictions.fresh(), source.rejections.fresh())
        except BrokenResultsError as error:
            self._error = str(error)
        except Exception as error:  # noqa: BLE001  a remote source raises any error of its client
            self._error = f"{type(error).__name__}: {error}"
        else:
            self._error = None

    async def _file(self, request: web.Request) -> web.FileResponse:
        if request.path == "/plotly.min.js":
            return web.FileResponse(_plotly(), headers={"Cache-Control": "max-age=86400"})
        return web.FileResponse(_PAGE / _FILES[request.path], headers={"Cache-Control": "no-cache"})

    async def _state(self, _: web.Request) -> web.Response:
        return web.Response(body=self._event, content_type="application/json")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        sent = b""
        with contextlib.suppress(ConnectionError):
            while True:
                # An unchanged state is sent as a comment, so that both sides notice a closed connection.
                await response.write(
                    b": as before\n\n" if self._event == sent else b"data: %s\n\n" % self._event
                )
                sent = self._event
                async with self._news:
                    await self._news.wait()
        return response

    async def _original(self, request: web.Request) -> web.Response:
        """The payload of one rejection, as a download, never as a page."""
        rejection = self._watched.state.original(int(request.match_info["number"]))
        if rejection is None:
            raise web.HTTPNotFound(text="This rejection is not among the newest any more.\n")
        try:
            body = base64.b64decode(rejection.original, validate=True)
        except (binascii.Error, ValueError):
            body = rejection.original.encode()
        name = f"rejection-{request.match_info['number']}.bin"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=body, content_type="application/octet-stream", headers=headers)


def _door(hosts: HostPolicy) -> Middleware:
    """Deny requests for a foreign host name (DNS rebinding) and from pages of another origin."""

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        denied = hosts.denied(request.method, request.headers.get)
        if denied is not None:
            return web.Response(status=denied.status, text=f"{denied}\n")
        return await handler(request)

    return door


async def _safely(_: web.Request, response: web.StreamResponse) -> None:
    """Set the security headers of every response."""
    response.headers.update(_SAFE)


def _plotly() -> Path:
    """Plotly's own JavaScript, as its Python package ships it; raises UserError."""
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise UserError("plotly is not installed.", hint=install_hint("plotly"))
    return Path(found.origin).parent / "package_data" / "plotly.min.js"
