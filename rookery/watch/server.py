"""WatchServer: the page, its state as server-sent events, and the original bytes of rejections; no external resource."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import errno
import logging
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson
from aiohttp import web

from rookery.errors import UserError
from rookery.load.accounting.folder_results import BrokenResultsError
from rookery.schemas.output.extras import install_hint
from rookery.watch.availability import Availabilities
from rookery.watch.page_contract import script
from rookery.worker.auth.host_policy import HostPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from aiohttp.typedefs import Handler, Middleware

    from rookery.watch.source import ResultsSource
    from rookery.watch.state import PageState
    from rookery.watch.stats_sources import StatsSources

log: Final = logging.getLogger(__name__)

_PAGE: Final = Path(__file__).parent / "page"
_FILES: Final = {
    "/": "index.html",
    **{
        f"/{name}": name
        for name in ("page.css", "page.js", "charts.js", "legends.js", "words.js", "tables.js")
    },
}
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
        self._availabilities = Availabilities(
            {"worker": watched.stats.worker, "broker": watched.stats.broker}
        )
        self._results: dict[str, Any] = {}
        self._stats: dict[str, Any] = {}
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
                web.get("/contract.js", self._contract),
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
                taken = error.errno == errno.EADDRINUSE
                raise UserError(
                    f"Cannot listen on {host}:{port}: {error.strerror}.",
                    hint="--port names another." if taken else "--host names an address of this machine.",
                ) from None
            async with aiohttp.ClientSession() as client:
                await asyncio.gather(self._read_results(), self._fetch_stats(client))
                # A task each: neither a burst of results nor a worker that hangs delays news of the other.
                following = [
                    asyncio.create_task(_repeat(self._read_results), name="poll results"),
                    asyncio.create_task(_repeat(partial(self._fetch_stats, client)), name="poll statistics"),
                ]
                try:
                    yield f"http://{host}:{runner.addresses[0][1]}/"
                finally:
                    for task in following:
                        task.cancel()
                    for outcome in await asyncio.gather(*following, return_exceptions=True):
                        if isinstance(outcome, Exception):
                            raise outcome
        finally:
            await runner.cleanup()

    async def _contract(self, _: web.Request) -> web.Response:
        return web.Response(
            body=script(self._watched.state.contract.contract),
            content_type="text/javascript",
            charset="utf-8",
            headers={"Cache-Control": "no-cache"},
        )

    async def _read_results(self) -> None:
        """Read new results, and wake the pages."""
        self._results = await asyncio.to_thread(self._take)
        await self._publish()

    async def _fetch_stats(self, client: aiohttp.ClientSession) -> None:
        """Fetch the statistics, note since when one is missing, and wake the pages."""
        self._stats = await self._watched.stats.fetch(client)
        self._availabilities.enter(self._stats, time.time())
        await self._publish()

    async def _publish(self) -> None:
        state = {
            "source": self._watched.source.name,
            "addresses": self._watched.source.addresses,
            "error": self._error,
            **self._results,
            **self._stats,
            "availability": self._availabilities.by_name,
        }
        event = orjson.dumps(state, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
        async with self._news:
            self._event = event
            self._news.notify_all()

    def _take(self) -> dict[str, Any]:
        """Read new results, and give the state; an error of the source is shown, and the next poll tries again."""
        source = self._watched.source
        try:
            self._watched.state.take(source.predictions.fresh(), source.rejections.fresh())
        except BrokenResultsError as error:
            self._error = str(error)
        except Exception as error:  # noqa: BLE001  a remote source raises any error of its client
            self._error = f"{type(error).__name__}: {error}"
        else:
            self._error = None
        return self._watched.state.snapshot()

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
                # The server's clock goes with it: idle times grow while the state stays, and a phone's clock may differ.
                clock, event = b"event: clock\ndata: %.3f\n\n" % time.time(), self._event
                await response.write(clock if event == sent else clock + b"data: %s\n\n" % event)
                sent = event
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


async def _repeat(poll: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(_POLL_INTERVAL_S)
        await poll()


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
