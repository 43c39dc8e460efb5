"""aiohttp that reads the body and answers 204: what its request machinery alone costs."""

from __future__ import annotations

import asyncio
import gc

import uvloop
from aiohttp import web

from benchmarks.peers.noop_protocol import port


async def _push(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=204)


async def _serve() -> None:
    app = web.Application()
    app.router.add_post("/", _push)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port()).start()
    gc.collect()
    gc.freeze()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve())
