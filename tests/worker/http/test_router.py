"""Router: requests of other paths and methods are answered with the methods that a path has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from rookery.worker.app import running
from rookery.worker.http.responses import Response
from rookery.worker.http.router import Router
from rookery.worker.http.whole_request import WholeRequest
from rookery.worker.http.wire.request_head import parsed
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


ASKED = {
    "GET /": (405, "POST"),
    "PUT /predict": (405, "POST"),
    "POST /livez": (405, "GET,HEAD"),
    "HEAD /livez?verbose": (200, None),
    "GET /live%7A#part": (200, None),
    "HEAD /nowhere": (404, None),
    "GET /nowhere": (404, None),
    "POST /push": (404, None),
}


@pytest.mark.parametrize("path", ["fast", "slow"])
async def test_other_methods_and_paths_are_answered_with_those_that_exist(tmp_path: Path, path: str) -> None:
    """A wrong method is 405 and names the right ones, a wrong path 404; a HEAD is there wherever a GET is."""
    folder = tmp_path.as_uri()
    chosen = Settings(port=0, results=folder, rejects=folder, fast_path=path == "fast")
    found = {}
    async with running(chosen) as address, aiohttp.ClientSession(address) as client:
        for asked in ASKED:
            async with client.request(*asked.split()) as answer:
                found[asked] = (answer.status, answer.headers.get("Allow"))
    assert found == ASKED


SLOW = parsed(b"GET /slow HTTP/1.1\r\nHost: worker\r\n\r\n")


class SlowHandler:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.ended: list[str] = []

    async def handle(self, _: WholeRequest) -> Response:
        self.begun.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        return Response(b"late")


async def test_closing_waits_for_requests_in_progress() -> None:
    """On the way down, a request that is being served is answered, unless that takes longer than there is time."""
    handler, answers = SlowHandler(), []
    router = Router({("GET", "/slow"): handler.handle})
    router.begin(WholeRequest(SLOW), answers.append, answers.append)
    await handler.begun.wait()
    handler.gate.set()
    await router.close(60)
    assert answers == [Response(b"late")]
    handler.gate.clear()
    handler.begun.clear()
    router.begin(WholeRequest(SLOW), answers.append, answers.append)
    await handler.begun.wait()
    await router.close(0)
    await router.close(60)
    assert (len(answers), handler.ended) == (1, ["cancelled"])
