"""Routes: five are known, and whoever asks otherwise is told what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from worker.app import running
from worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("fast_lane", [True, False], ids=["fast lane", "aiohttp"])
@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/", 405, "POST"),
        ("PUT", "/predict", 405, "POST"),
        ("POST", "/livez", 405, "GET,HEAD"),
        ("HEAD", "/livez?verbose", 200, None),
        ("GET", "/nowhere", 404, None),
        ("POST", "/push", 404, None),
    ],
)
async def test_other_methods_and_paths_are_told_what_there_is(
    tmp_path: Path, fast_lane: bool, method: str, path: str, status: int, allow: str | None
) -> None:
    """A wrong method is 405 and names the right ones, a wrong path 404; a HEAD is there wherever a GET is."""
    chosen = Settings(port=0, results=tmp_path.as_uri(), rejects=tmp_path.as_uri(), fast_lane=fast_lane)
    async with (
        running(chosen) as address,
        aiohttp.ClientSession(address) as client,
        client.request(method, path) as answer,
    ):
        assert (answer.status, answer.headers.get("Allow")) == (status, allow)
