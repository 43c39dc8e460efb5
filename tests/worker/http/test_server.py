"""Routes: requests of other paths and methods are answered with the methods that a path has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from rookery.worker.app import running
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


ASKED = {
    "GET /": (405, "POST"),
    "PUT /predict": (405, "POST"),
    "POST /livez": (405, "GET,HEAD"),
    "HEAD /livez?verbose": (200, None),
    "GET /nowhere": (404, None),
    "POST /push": (404, None),
}


@pytest.mark.parametrize("path", ["fast", "aiohttp"])
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
