"""A worker's guard, its keys, and the server that they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from rookery.worker.auth.jwks import JwksClient
from rookery.worker.auth.oidc import ExpectedClaims, OidcAuthenticator
from tests.worker.auth.key_server import Clock, KeyServer
from tests.worker.auth.signed_tokens import AUDIENCE, EMAIL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EXPECTED = ExpectedClaims(AUDIENCE, EMAIL)


@pytest.fixture
async def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
async def url(server: KeyServer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/certs", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/certs"
    await runner.cleanup()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(url: str, clock: Clock) -> AsyncIterator[JwksClient]:
    async with JwksClient(url, clock=clock) as keys:
        yield keys


@pytest.fixture
def guard(keys: JwksClient, clock: Clock) -> OidcAuthenticator:
    return OidcAuthenticator(keys, EXPECTED, clock=clock)
