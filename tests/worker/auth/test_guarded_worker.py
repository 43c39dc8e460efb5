"""A worker with authentication, over HTTP: served by its token, refused before anything is read."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from multidict import CIMultiDict

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.auth.oidc import OidcAuthenticator
from rookery.worker.errors import MisconfiguredError
from rookery.worker.settings import Settings
from tests.worker.auth.forged_tokens import FORGED
from tests.worker.auth.signed_tokens import AUDIENCE, EMAIL, GENUINE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.worker.auth.key_server import KeyServer


def settings(folder: Path, **chosen: Any) -> Settings:
    oidc = {"push_auth": "oidc", "push_audience": AUDIENCE, "push_service_account": EMAIL}
    return Settings(
        port=0,
        results=f"file://{folder}/results",
        rejects=f"file://{folder}/rejects",
        **{**oidc, **chosen},
    )


@asynccontextmanager
async def serving(folder: Path, url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        running(settings(folder, push_jwks_url=url)) as address,
        aiohttp.ClientSession(address) as client,
    ):
        yield client


def body() -> bytes:
    message = {"data": base64.b64encode(encode(ReadingFactory(1).reading())).decode(), "messageId": "m1"}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


async def test_a_guard_that_fails_is_503_and_no_silence(
    url: str, server: KeyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender gets an answer although checking its token fails, on both HTTP paths and both endpoints."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(OidcAuthenticator, "_hold", broken)
    headers = {"Authorization": f"Bearer {GENUINE}"}
    for fast_path in (True, False):
        chosen = settings(tmp_path, push_jwks_url=url, fast_path=fast_path)
        async with running(chosen) as address, aiohttp.ClientSession(address) as client:
            for path in ("/", "/predict"):
                async with client.post(path, data=body(), headers=headers) as answer:
                    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert server.asked == 2


async def test_two_tokens_are_none(url: str, tmp_path: Path) -> None:
    """A request with two Authorization headers is refused, for either could count."""
    both = CIMultiDict([("Authorization", f"Bearer {GENUINE}"), ("Authorization", "Bearer other")])
    async with serving(tmp_path, url) as client:
        for path in ("/", "/predict"):
            async with client.post(path, data=body(), headers=both) as answer:
                assert answer.status == 401


async def test_no_forged_request_reaches_the_parser_over_http(url: str, tmp_path: Path) -> None:
    """On both doors a forgery is answered 401 or 403, whatever its body; nothing is read, stored or counted."""
    async with serving(tmp_path, url) as client:
        for path, content in (("/", b"no envelope"), ("/", body()), ("/predict", b"no reading")):
            for kind, token in FORGED.items():
                headers = {"Authorization": token} if token is not None else {}
                async with client.post(path, data=content, headers=headers) as answer:
                    assert answer.status in {401, 403}, (path, kind)
        async with client.get("/metrics") as scraped:
            reported = await scraped.text()
        assert "rookery_invalid_envelopes_total 0.0" in reported
        assert "rookery_batch_messages_count 0.0" in reported
    assert not list(tmp_path.rglob("*.ndjson"))


@pytest.mark.parametrize("fast_path", [True, False], ids=["fast path", "slow path"])
async def test_an_unauthenticated_sender_is_refused_by_its_head_on_both_paths(
    url: str, tmp_path: Path, *, fast_path: bool
) -> None:
    """Before a byte of a body came, however it would be framed; a token is the same with a tab before it."""
    genuine = f"Authorization:\t Bearer {GENUINE} \t"
    length, lines = f"Content-Length: {len(body())}", ("POST / HTTP/1.1", "POST /predict HTTP/1.1")
    async with running(settings(tmp_path, push_jwks_url=url, fast_path=fast_path)) as address:
        port = int(address.rpartition(":")[2])
        for fields, sent, expected in (
            ([length], b"", 401),
            (["Content-Length: 15000000"], b"", 401),
            (["Content-Length: 9223372036854775808"], b"", 401),
            (["Transfer-Encoding: chunked"], b"", 401),
            ([length, "Content-Encoding: gzip"], body(), 401),
            ([length, "Expect: 100-continue"], b"", 401),
            ([length, "Authorization: Bearer\t" + GENUINE], b"", 401),
            ([length, genuine], body(), 204),
            ([length, genuine], body(), 204),
            ([length, genuine, "Authorization: Bearer " + GENUINE], body(), 401),
        ):
            for line in lines if expected == 401 else lines[:1]:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write("\r\n".join([line, "Host: localhost", *fields, "", ""]).encode() + sent)
                answer = await reader.readuntil(b"\r\n\r\n")
                assert int(answer.split()[1]) == expected, (line, fields)
                assert (b"WWW-Authenticate: Bearer" in answer) == (expected == 401)
                writer.close()


async def test_a_genuine_request_is_served_over_http(url: str, server: KeyServer, tmp_path: Path) -> None:
    """Both doors, many requests, one fetch; the probes stay open to the platform."""
    headers = {"Authorization": f"Bearer {GENUINE}"}
    async with serving(tmp_path, url) as client:
        for _ in range(5):
            async with client.post("/", data=body(), headers=headers) as answer:
                assert answer.status == 204
        async with client.post(
            "/predict", data=encode(ReadingFactory(1).reading()), headers=headers
        ) as answer:
            assert answer.status == 200
        async with client.get("/readyz") as answer:
            assert answer.status == 200
    assert server.asked == 1


async def test_keys_out_of_reach_are_503_and_no_verdict(url: str, server: KeyServer, tmp_path: Path) -> None:
    """The sender may be genuine: the message is redelivered."""
    server.status = 500
    async with (
        serving(tmp_path, url) as client,
        client.post("/", data=body(), headers={"Authorization": f"Bearer {GENUINE}"}) as answer,
    ):
        assert answer.status == 503
        assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"push_auth": "none", "host": "0.0.0.0"}, "ROOKERY_PUSH_AUTH=none"),  # noqa: S104  that is the point
        ({"push_auth": "none", "host": "::"}, "ROOKERY_PUSH_AUTH=none"),
        ({"push_audience": ""}, "ROOKERY_PUSH_AUDIENCE"),
        ({"push_service_account": ""}, "ROOKERY_PUSH_SERVICE_ACCOUNT"),
        ({"push_jwks_url": "http://keys.example/certs"}, "ROOKERY_PUSH_JWKS_URL"),
        ({"push_jwks_url": "https://[::1/certs"}, "ROOKERY_PUSH_JWKS_URL"),
        ({"push_jwks_url": "https://keys.example:port/certs"}, "ROOKERY_PUSH_JWKS_URL"),
        ({"push_jwks_url": "https:///certs"}, "ROOKERY_PUSH_JWKS_URL"),
    ],
)
async def test_an_open_door_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], named: str
) -> None:
    """A worker that any machine reaches does not start without authentication by mistake."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    with pytest.raises(MisconfiguredError, match=named):
        async with running(settings(tmp_path, **chosen)):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])  # noqa: S104  with the emulator only
async def test_none_is_for_this_machine_or_the_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Loopback needs no guard; any other address none while the emulator is in use."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:8085")
    async with running(settings(tmp_path, push_auth="none", host=host)) as address:
        assert address
