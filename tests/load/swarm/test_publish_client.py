"""The transports of a swarm: what they send, and what they take for an answer."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from rookery.broker.server import EmbeddedBroker
from rookery.load.swarm.access_token import AccessToken
from rookery.load.swarm.publish_client import (
    GrpcPublishClient,
    PublishFailedError,
    PublishRequest,
    RestPublishClient,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rookery.load.swarm.publish_client import PublishClient

TOPIC = "projects/rookery-local/topics/readings"
MESSAGES = [PublishRequest(b"one", {"a": "b"}), PublishRequest(b"", {"load_id": "x"})]


def publish(transport: PublishClient, messages: list[PublishRequest]) -> list[str]:
    try:
        return transport.publish(messages)
    finally:
        transport.close()


@pytest.fixture
async def topic_at() -> AsyncIterator[str]:
    async with EmbeddedBroker(host="127.0.0.1", port=0) as broker:
        await asyncio.to_thread(make_topic, broker.address)
        yield f"http://{broker.address}"


def make_topic(address: str) -> None:
    from rookery.environment.provision import Provisioner, Route  # noqa: PLC0415  Google's clients, for the tests that need them

    with Provisioner(address) as provisioner:
        provisioner.provide(Route(topic=TOPIC, push_to="http://127.0.0.1:9/"))


@pytest.mark.parametrize("transport", [RestPublishClient, GrpcPublishClient])
async def test_each_message_gets_its_id(
    topic_at: str, transport: Callable[[str, str], PublishClient]
) -> None:
    """REST and gRPC publish a whole request and name every message of it."""
    ids = await asyncio.to_thread(lambda: publish(transport(topic_at, TOPIC), MESSAGES))
    assert len(set(ids)) == 2


@pytest.mark.parametrize("transport", [RestPublishClient, GrpcPublishClient])
async def test_a_topic_that_is_not_there_is_a_failure(
    topic_at: str, transport: Callable[[str, str], PublishClient]
) -> None:
    """What Pub/Sub refuses counts as failed, with its words."""
    with pytest.raises(PublishFailedError, match=r"404|not exist|not found"):
        await asyncio.to_thread(lambda: publish(transport(topic_at, f"{TOPIC}-gone"), MESSAGES))


def test_an_unreachable_host_is_a_failure() -> None:
    """A refused connection counts as failed, not as a crash."""
    with pytest.raises(PublishFailedError, match=r"[Rr]efused"):
        publish(RestPublishClient("http://127.0.0.1:9", TOPIC), MESSAGES)


async def test_the_request_is_googles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Path, body and access token are those of Pub/Sub's REST API; too few ids are a failure."""
    monkeypatch.setenv("ROOKERY_ACCESS_TOKEN", "ya29.secret")
    seen: list[tuple[str, str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers["Authorization"], await request.json()))
        return web.json_response({"messageIds": ["1"]})

    app = web.Application()
    app.router.add_post("/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        with pytest.raises(PublishFailedError, match="2 message ids are needed, 1 came"):
            await asyncio.to_thread(
                lambda: publish(
                    RestPublishClient(f"http://{host}:{port}", TOPIC, token=AccessToken()), MESSAGES
                )
            )
    finally:
        await runner.cleanup()
    ((path, authorization, body),) = seen
    assert path == f"/v1/{TOPIC}:publish"
    assert authorization == "Bearer ya29.secret"
    assert [base64.b64decode(each["data"]) for each in body["messages"]] == [b"one", b""]
    assert json.dumps(body["messages"][0]["attributes"]) == '{"a": "b"}'
