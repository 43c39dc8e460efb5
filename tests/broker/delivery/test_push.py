"""Pushes on the wire: the same bytes from the short client as from aiohttp's, and valid JSON for every message."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.broker.delivery.dispatcher import Dispatcher
from rookery.broker.delivery.push import Endpoint, Identity, Pusher, body
from rookery.broker.scheduling.messages import Delivery, StoredMessage
from rookery.broker.scheduling.rules import Rules
from rookery.broker.scheduling.subscription import Subscription
from rookery.broker.testing import RawEndpoint

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


class _NoSigner:
    def token(self, identity: Identity) -> str:
        return f"token-of-{identity.email}"


def _delivery(attributes: dict[str, str] | None = None, key: str = "") -> Delivery:
    return Delivery("1", StoredMessage("7", b"{}", attributes, key, 1_700_000_000.5), 3)


@pytest.mark.parametrize("wrapped", [True, False])
async def test_both_ways_send_the_same(wrapped: bool) -> None:  # noqa: FBT001  a parameter of the test
    """A push by the short way is the request that aiohttp's client sends: the same lines, the same body."""
    async with RawEndpoint(DONE, DONE, DONE) as served, Pusher(_NoSigner()) as pusher:
        for url in ("/push", "/push#by-aiohttp"):
            endpoint = Endpoint(
                url=f"http://127.0.0.1:{served.port}{url}",
                subscription="projects/p/subscriptions/s",
                wrapped=wrapped,
                write_metadata=True,
                identity=Identity("me", "you"),
            )
            assert await pusher.post(_delivery(key="Möwe"), endpoint)
        (short, first), (long, second) = served.requests
        assert short != long
        head, _, payload = first.partition(b"\r\n\r\n")
        other, _, same = second.partition(b"\r\n\r\n")
        assert sorted(head.split(b"\r\n")) == sorted(other.split(b"\r\n"))
        assert payload == same


async def test_attributes_as_headers_are_left_to_aiohttp() -> None:
    """An attribute may be named as a header that means something to HTTP; both it and the push arrive."""
    async with RawEndpoint(DONE) as served, Pusher(_NoSigner()) as pusher:
        url = f"http://127.0.0.1:{served.port}/"
        endpoint = Endpoint(url=url, subscription="s", wrapped=False, write_metadata=True)
        assert await pusher.post(_delivery({"User-Agent": "reading", "a": "b"}), endpoint)
        ((_, request),) = served.requests
        assert request.count(b"User-Agent:") == 1
        assert b"\r\nUser-Agent: reading\r\n" in request


async def test_key_that_no_header_can_carry_is_left_out() -> None:
    """An ordering key with a line break breaks neither the request nor the broker."""
    async with RawEndpoint(DONE) as served, Pusher(_NoSigner()) as pusher:
        url = f"http://127.0.0.1:{served.port}/"
        endpoint = Endpoint(url=url, subscription="s", wrapped=False, write_metadata=True)
        assert await pusher.post(_delivery(key="a\r\nX-Evil: 1"), endpoint)
        assert b"X-Evil" not in served.requests[0][1]


async def test_attributes_that_govern_the_connection_are_no_headers() -> None:
    """Expect, Upgrade and their like stay out of an unwrapped push, which would wait for what never comes."""
    names = [
        "Expect",
        "Upgrade",
        "TE",
        "Trailer",
        "Keep-Alive",
        "Transfer-Encoding",
        "X-Goog-Pubsub-Message-Id",
    ]
    async with RawEndpoint(DONE) as served, Pusher(_NoSigner()) as pusher:
        url = f"http://127.0.0.1:{served.port}/"
        endpoint = Endpoint(url=url, subscription="s", wrapped=False, write_metadata=True)
        assert await pusher.post(_delivery(dict.fromkeys(names, "100-continue")), endpoint)
        assert b"100-continue" not in served.requests[0][1]


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE"])
async def test_the_attribute_content_type_is_the_content_type(name: str) -> None:
    """An unwrapped push with metadata has the publisher's content type, in one header, however it is written."""
    async with RawEndpoint(DONE, DONE, DONE) as served, Pusher(_NoSigner()) as pusher:
        url = f"http://127.0.0.1:{served.port}/"
        delivery = _delivery({name: "application/vnd.apache.arrow.stream"})
        for wrapped, metadata in ((False, True), (False, False), (True, False)):
            endpoint = Endpoint(url=url, subscription="s", wrapped=wrapped, write_metadata=metadata)
            assert await pusher.post(delivery, endpoint)
        lines = [
            line.lower()
            for _, request in served.requests
            for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")
            if line.lower().startswith(b"content-type:")
        ]
    assert lines == [
        b"content-type: application/vnd.apache.arrow.stream",
        b"content-type: application/x-www-form-urlencoded",
        b"content-type: application/json",
    ]


_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.binary(max_size=50), st.dictionaries(_TEXT, _TEXT, max_size=3), _TEXT, st.booleans())
def test_wrapped_body_is_json(data: bytes, attributes: dict[str, str], key: str, with_attempt: bool) -> None:  # noqa: FBT001  drawn
    """Every message is pushed as JSON that decodes to exactly the same fields."""
    message = StoredMessage("7", data, attributes or None, key, 1_700_000_000.5)
    endpoint = Endpoint(url="", subscription='projects/"p/subscriptions/s', with_attempt=with_attempt)
    push = json.loads(body(Delivery("1", message, 3), endpoint))
    assert push["subscription"] == 'projects/"p/subscriptions/s'
    assert push.get("deliveryAttempt") == (3 if with_attempt else None)
    assert push["message"].get("attributes", {}) == attributes
    assert push["message"].get("orderingKey", "") == key
    assert push["message"]["messageId"] == push["message"]["message_id"] == "7"
    assert push["message"]["publishTime"] == push["message"]["publish_time"] == "2023-11-14T22:13:20.500Z"


async def test_unanswered_push_expires_with_its_lease() -> None:
    """A push that is not answered within the ack deadline counts as expired, once, and as no nack besides."""
    loop = asyncio.get_running_loop()
    async with RawEndpoint(None, DONE) as served, Pusher(_NoSigner()) as pusher:
        machine = Subscription(Rules(push=True, ack_deadline=0.05))
        url = f"http://127.0.0.1:{served.port}/"
        endpoint = Endpoint(url=url, subscription="s", timeout=0.05)
        dispatcher = Dispatcher("s", machine, endpoint=endpoint, pusher=pusher, clock=loop.time)
        dispatcher.start()
        machine.offer([_delivery().message], loop.time())
        await served.left.wait()
        standing = machine.standing()
        assert (standing.expired, standing.nacked) == (1, 0)
        await dispatcher.close()
