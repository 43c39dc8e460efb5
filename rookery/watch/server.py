"""Server: the page, its data as server-sent events, and the original bytes of rejections; nothing from elsewhere."""

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
_LOOK_EVERY_S: Final = 1.0
_SAFE: Final = {
    # Plotly writes its styles into the page; scripts come from files only, so that no reading can bring one.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class WatchedResults:
    """What one page shows."""

    source: ResultsSource
    picture: PageState
    neighbours: StatsSources


class WatchServer:
    """Follows a source and tells every open page, once a second, where there is news."""

    def __init__(self, watched: WatchedResults, *, allowed_hosts: Sequence[str] = ()) -> None:
        """Store what is watched, and the names that the page is served by beside loopback's; `serving` begins."""
        self._watched = watched
        self._allowed_hosts = allowed_hosts
        self._trouble: str | None = None
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
                await self._look(client)
                following = asyncio.create_task(self._follow(client), name="following the results")
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
            await asyncio.sleep(_LOOK_EVERY_S)
            await self._look(client)

    async def _look(self, client: aiohttp.ClientSession) -> None:
        """Take what is new, ask the neighbours, and wake the pages."""
        watched = self._watched
        _, neighbours = await asyncio.gather(asyncio.to_thread(self._take), watched.neighbours.told(client))
        told = {
            "source": watched.source.name,
            "trouble": self._trouble,
            **watched.picture.told(),
            **neighbours,
        }
        event = orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
        async with self._news:
            self._event = event
            self._news.notify_all()

    def _take(self) -> None:
        """Read what is new; trouble with the source is shown, and looked at again the next time."""
        source = self._watched.source
        try:
            self._watched.picture.take(source.predictions.fresh(), source.rejections.fresh())
        except BrokenResultsError as error:
            self._trouble = str(error)
        except Exception as error:  # noqa: BLE001  a source afar raises whatever its client raises
            self._trouble = f"{type(error).__name__}: {error}"
        else:
            self._trouble = None

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
                # A page that is as it was gets a comment: so both sides notice where the other one is gone.
                await response.write(
                    b": as before\n\n" if self._event == sent else b"data: %s\n\n" % self._event
                )
                sent = self._event
                async with self._news:
                    await self._news.wait()
        return response

    async def _original(self, request: web.Request) -> web.Response:
        """The bytes of one rejection as they came, to be saved, never to be shown as a page."""
        rejection = self._watched.picture.original(int(request.match_info["number"]))
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
    """Let nobody read the results by a name that was pointed here, or from a page of another origin."""

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        denied = hosts.denied(request.method, request.headers.get)
        if denied is not None:
            return web.Response(status=denied.status, text=f"{denied}\n")
        return await handler(request)

    return door


async def _safely(_: web.Request, response: web.StreamResponse) -> None:
    """Say of every answer what a browser may do with it."""
    response.headers.update(_SAFE)


def _plotly() -> Path:
    """Plotly's own JavaScript, as its Python package ships it; raises UserError."""
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise UserError("plotly is not installed.", hint=install_hint("plotly"))
    return Path(found.origin).parent / "package_data" / "plotly.min.js"
