"""Hosts and origins: where no token is needed, a page that the user's browser shows cannot ask the worker."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.auth.host_policy import HostPolicy, host_policy
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HERE = "localhost:8080"

SERVED: dict[str, dict[str, str]] = {
    "localhost": {"Host": "localhost"},
    "localhost in capitals, with a port": {"Host": "LOCALHOST:8080"},
    "127.0.0.1": {"Host": "127.0.0.1:8080"},
    "another address of loopback": {"Host": "127.8.8.8"},
    "IPv6": {"Host": "[::1]:8080"},
    "its own page": {"Host": HERE, "Origin": f"http://{HERE}", "Sec-Fetch-Site": "same-origin"},
    "typed by the user": {"Host": HERE, "Sec-Fetch-Site": "none"},
}
REFUSED: dict[str, dict[str, str]] = {
    "a name": {"Host": "worker.example"},
    "a name that begins with loopback's": {"Host": "localhost.evil.example"},
    "a name that begins with its address": {"Host": "127.0.0.1.evil.example:8080"},
    "a name without a dot": {"Host": "worker"},
    "another address": {"Host": "192.168.1.7:8080"},
    "every address": {"Host": "0.0.0.0:8080"},
    "a user before the name": {"Host": "localhost@evil.example"},
    "the address as one number": {"Host": "2130706433"},
    "a broken bracket": {"Host": "[::1"},
    "two names": {"Host": "localhost, evil.example"},
    "a page elsewhere": {"Host": HERE, "Origin": "https://evil.example"},
    "a page of another port": {"Host": HERE, "Origin": "http://localhost:3000"},
    "a page of no origin": {"Host": HERE, "Origin": "null"},
    "an extension": {"Host": HERE, "Origin": "chrome-extension://abcdefgh"},
    "an empty origin": {"Host": HERE, "Origin": ""},
    "two origins": {"Host": HERE, "Origin": f"http://{HERE}\r\nOrigin: https://evil.example"},
    "a form elsewhere": {
        "Host": HERE,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    },
    "a page of another port, known by its site": {"Host": HERE, "Sec-Fetch-Site": "same-site"},
    "an image elsewhere": {
        "Host": HERE,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Dest": "image",
    },
    "an unknown site": {"Host": HERE, "Sec-Fetch-Site": "friendly"},
}


def push() -> bytes:
    message = {"data": base64.b64encode(encode(ReadingFactory(1).reading())).decode(), "messageId": "m1"}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


async def status(address: str, request: str, headers: dict[str, str], body: bytes = b"") -> int:
    """Ask byte for byte, for a client would correct a Host."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    fields = {**headers, "Content-Length": str(len(body))} if body else headers
    lines = [f"{request} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    writer.write("\r\n".join(lines).encode() + body)
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


@asynccontextmanager
async def serving(folder: Path, *, fast: bool = True, **chosen: str) -> AsyncIterator[str]:
    uri = folder.as_uri()
    async with running(Settings(port=0, results=uri, rejects=uri, fast_path=fast, **chosen)) as address:
        yield address


@pytest.mark.parametrize("fast", [True, False], ids=["fast path", "slow path"])
async def test_other_hosts_and_origins_are_refused_on_every_path(tmp_path: Path, *, fast: bool) -> None:
    """Nothing of a page elsewhere is read, stored or answered; loopback's names and its own pages are served."""
    found: dict[str, list[int]] = {}
    async with serving(tmp_path, fast=fast) as address:
        for kind, headers in {**SERVED, **REFUSED}.items():
            found[kind] = [
                await status(address, "POST /", headers, push()),
                await status(address, "POST /predict", headers, encode(ReadingFactory(1).reading())),
                *[await status(address, f"GET {path}", headers) for path in ("/metrics", "/readyz")],
                await status(address, "GET /nowhere", headers),
            ]
        async with aiohttp.ClientSession(address) as client, client.get("/metrics") as answer:
            reported = await answer.text()
    link = "a form elsewhere"
    # As a link it may be followed: the page that has it cannot read what it answers.
    assert found.pop(link) == [403, 403, 200, 200, 404]
    assert found == {
        kind: [204, 200, 200, 200, 404] if kind in SERVED else [403, 403, 403, 403, 403] for kind in found
    }
    assert 'rookery_auth_failures_total{cause="host"} 50.0' in reported
    assert len(list(tmp_path.rglob("*.ndjson"))) == 1


async def test_names_that_are_allowed_are_served_beside_loopbacks(tmp_path: Path) -> None:
    """A service's name in a network of containers is one; `*` lifts the rule for names, never the one for origins."""
    elsewhere = {"Host": "worker:8080", "Origin": "https://evil.example"}
    async with serving(tmp_path, allowed_hosts="gateway, Worker") as address:
        assert await status(address, "POST /", {"Host": "worker:8080"}, push()) == 204
        assert await status(address, "POST /", {"Host": "localhost"}, push()) == 204
        assert await status(address, "POST /", {"Host": "evil.example"}, push()) == 403
        assert await status(address, "POST /", elsewhere, push()) == 403
    async with serving(tmp_path, allowed_hosts="*") as address:
        assert await status(address, "POST /", {"Host": "evil.example"}, push()) == 204
        assert await status(address, "POST /", elsewhere, push()) == 403


OIDC = {"push_auth": "oidc", "push_audience": "a", "push_service_account": "e"}


def test_tokens_and_the_platform_guard_what_others_reach() -> None:
    """Cloud Run's names are not known here, and its callers bring tokens; on loopback the rule holds whatever guards."""
    for guard in (OIDC, {"push_auth": "cloud-run-iam"}):
        assert host_policy(Settings(**guard, host="0.0.0.0")) is None  # noqa: S104  as in a container
        assert host_policy(Settings(**guard, host="127.0.0.1")) == HostPolicy.of("127.0.0.1", [])


@pytest.mark.parametrize(
    ("host", "served"),
    [("10.0.0.7:8080", True), ("[fe80::1]", True), ("worker", False), ("10.0.0.7.evil.example", False)],
)
def test_a_server_for_other_machines_is_asked_by_address(host: str, *, served: bool) -> None:
    """No page's owner can point an address elsewhere; a name is listed, or refused."""
    policy = HostPolicy.of("0.0.0.0", [])  # noqa: S104  as in a container
    assert (policy.denied("GET", {"host": host}.get) is None) is served


def test_a_request_without_a_host_is_no_browsers() -> None:
    """HTTP/1.0 has none, and neither has a probe that is a few bytes."""
    assert HostPolicy().denied("GET", {}.get) is None
    assert HostPolicy().denied("POST", {"origin": "https://evil.example"}.get) is not None
