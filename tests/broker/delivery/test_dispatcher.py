"""Push over real HTTP: bodies, headers, verdicts, window and tokens."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from google.auth import jwt

from rookery.broker.testing import RecordingEndpoint

if TYPE_CHECKING:
    import aiohttp

    from rookery.broker.server import EmbeddedBroker

TOPIC = "/v1/projects/p/topics/work"
SUBSCRIPTION = "/v1/projects/p/subscriptions/work"


async def wire(
    rest: aiohttp.ClientSession, url: str, *, push: dict[str, Any] | None = None, **fields: Any
) -> None:
    """Make the topic and a push subscription to `url`."""
    async with rest.put(TOPIC, json={}) as answer:
        assert answer.status in {200, 409}
    config = {"pushEndpoint": url, **(push or {})}
    async with rest.put(
        SUBSCRIPTION, json={"topic": "projects/p/topics/work", "pushConfig": config, **fields}
    ) as answer:
        assert answer.status == 200, await answer.text()


async def publish(rest: aiohttp.ClientSession, *messages: dict[str, Any]) -> list[str]:
    async with rest.post(f"{TOPIC}:publish", json={"messages": messages}) as answer:
        assert answer.status == 200, await answer.text()
        ids: list[str] = (await answer.json())["messageIds"]
        return ids


async def stats(rest: aiohttp.ClientSession) -> dict[str, Any]:
    async with rest.get("/stats") as answer:
        standing: dict[str, Any] = (await answer.json())["subscriptions"]["projects/p/subscriptions/work"]
        return standing


def data(text: bytes) -> str:
    return base64.b64encode(text).decode()


async def test_wrapped_body_is_googles(rest: aiohttp.ClientSession, endpoint: RecordingEndpoint) -> None:
    """A wrapped push carries exactly the documented fields, and no attempt without a dead-letter policy."""
    await wire(rest, endpoint.url)
    (message_id,) = await publish(
        rest, {"data": data("Möwe".encode()), "attributes": {"a": "ö"}, "orderingKey": "key"}
    )
    (received,) = await endpoint.wait_for(1)
    push = received.push()
    published = push["message"]["publishTime"]
    assert push == {
        "message": {
            "attributes": {"a": "ö"},
            "data": data("Möwe".encode()),
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": published,
            "publish_time": published,
            "orderingKey": "key",
        },
        "subscription": "projects/p/subscriptions/work",
    }
    assert published.endswith("Z")
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["User-Agent"] == "CloudPubSub-Google"


async def test_unwrapped_body_is_the_payload(
    rest: aiohttp.ClientSession, endpoint: RecordingEndpoint
) -> None:
    """An unwrapped push's body is the payload; the metadata and attributes are headers."""
    await wire(rest, endpoint.url, push={"noWrapper": {"writeMetadata": True}})
    attributes = {"rookery_schema": "1", "not a header": "x", "broken": "a\r\nb"}
    (message_id,) = await publish(rest, {"data": data(b"{}"), "attributes": attributes, "orderingKey": "k"})
    (received,) = await endpoint.wait_for(1)
    assert received.body == b"{}"
    headers = received.headers
    assert headers["x-goog-pubsub-message-id"] == message_id
    assert headers["x-goog-pubsub-subscription-name"] == "projects/p/subscriptions/work"
    assert headers["x-goog-pubsub-ordering-key"] == "k"
    assert headers["x-goog-pubsub-publish-time"].endswith("Z")
    assert headers["rookery_schema"] == "1"
    assert "broken" not in headers


async def test_unwrapped_without_metadata_has_no_headers_of_the_message(
    rest: aiohttp.ClientSession, endpoint: RecordingEndpoint
) -> None:
    """Without write_metadata neither metadata nor attributes travel."""
    await wire(rest, endpoint.url, push={"noWrapper": {}})
    await publish(rest, {"data": data(b"raw"), "attributes": {"secret": "1"}})
    (received,) = await endpoint.wait_for(1)
    assert received.body == b"raw"
    assert not [name for name in received.headers if name.lower().startswith("x-goog") or name == "secret"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_ack_codes(rest: aiohttp.ClientSession, status: int) -> None:
    """200, 201, 202 and 204 acknowledge: the next request is the next message."""
    async with RecordingEndpoint([status]) as endpoint:
        await wire(rest, endpoint.url)
        ids = await publish(rest, {"data": data(b"1")})
        await endpoint.wait_for(1)
        ids += await publish(rest, {"data": data(b"2")})
        received = await endpoint.wait_for(2)
        assert [each.push()["message"]["messageId"] for each in received] == ids


@pytest.mark.parametrize("status", [203, 206, 301, 400, 404, 429, 500, 503])
async def test_all_other_codes_nack(rest: aiohttp.ClientSession, status: int) -> None:
    """Any other code is a nack: the message is redelivered after the push backoff of 100 ms."""
    async with RecordingEndpoint([status]) as endpoint:
        await wire(rest, endpoint.url)
        (message_id,) = await publish(rest, {"data": data(b"1")})
        first, second = await endpoint.wait_for(2)
        assert first.push()["message"]["messageId"] == second.push()["message"]["messageId"] == message_id
        assert second.at - first.at >= 0.09


async def test_backoff_doubles_for_a_failing_endpoint(rest: aiohttp.ClientSession) -> None:
    """A failing endpoint is asked after 100, then 200, then 400 ms."""
    async with RecordingEndpoint([503, 503, 503]) as endpoint:
        await wire(rest, endpoint.url)
        await publish(rest, {"data": data(b"1")})
        received = await endpoint.wait_for(4)
        gaps = [later.at - earlier.at for earlier, later in pairwise(received)]
        assert [gap >= least for gap, least in zip(gaps, (0.09, 0.19, 0.39), strict=True)] == [True] * 3


async def test_window_bounds_concurrent_pushes(
    rest: aiohttp.ClientSession, endpoint: RecordingEndpoint
) -> None:
    """While the endpoint hangs, no more pushes are in flight than the small first window."""
    endpoint.gate.clear()
    await wire(rest, endpoint.url)
    await publish(rest, *({"data": data(b"x")} for _ in range(200)))
    await endpoint.wait_for(5)
    standing = await stats(rest)
    assert standing["outstanding"] == standing["window"] == endpoint.in_flight == 5
    assert standing["backlog"] == 195
    endpoint.gate.set()
    await endpoint.wait_for(100)
    endpoint.gate.clear()
    await endpoint.wait_for(120)
    assert 5 < endpoint.most_in_flight <= (await stats(rest))["window"]


async def test_endpoint_that_comes_late_gets_everything(rest: aiohttp.ClientSession) -> None:
    """Messages for an unreachable endpoint wait, and go to the one that the subscription is turned to."""
    await wire(rest, "http://127.0.0.1:9/push")
    ids = await publish(rest, *({"data": data(b"x")} for _ in range(3)))
    async with RecordingEndpoint() as endpoint:
        async with rest.post(
            f"{SUBSCRIPTION}:modifyPushConfig", json={"pushConfig": {"pushEndpoint": endpoint.url}}
        ):
            received = await endpoint.wait_for(3)
        assert {each.push()["message"]["messageId"] for each in received} == set(ids)


async def test_dead_letter_by_push(rest: aiohttp.ClientSession) -> None:
    """With a dead-letter policy each push carries its attempt, and the fifth failure moves the message."""
    async with rest.put("/v1/projects/p/topics/dead", json={}), RecordingEndpoint([500] * 5) as endpoint:
        body = {"topic": "projects/p/topics/dead"}
        async with rest.put("/v1/projects/p/subscriptions/grave", json=body):
            policy = {"deadLetterTopic": "projects/p/topics/dead", "maxDeliveryAttempts": 5}
            await wire(rest, endpoint.url, deadLetterPolicy=policy)
        await publish(rest, {"data": data(b"reading")})
        received = await endpoint.wait_for(5)
        assert [each.push()["deliveryAttempt"] for each in received] == [1, 2, 3, 4, 5]
        async with rest.post("/v1/projects/p/subscriptions/grave:pull", json={"maxMessages": 1}) as answer:
            (dead,) = (await answer.json())["receivedMessages"]
        assert dead["message"]["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
        assert dead["message"]["attributes"]["CloudPubSubDeadLetterSourceSubscription"] == "work"


async def test_order_of_a_key_holds_over_a_failure(rest: aiohttp.ClientSession) -> None:
    """A key's messages arrive in order, one at a time, and a failed one is redelivered before the next."""
    async with RecordingEndpoint([204, 503]) as endpoint:
        await wire(rest, endpoint.url, enableMessageOrdering=True)
        ids = await publish(rest, *({"data": data(b"x"), "orderingKey": "k"} for _ in range(4)))
        received = await endpoint.wait_for(5)
        came = [each.push()["message"]["messageId"] for each in received]
        assert came == [ids[0], ids[1], ids[1], ids[2], ids[3]]
        assert endpoint.most_in_flight == 1


async def test_token_names_account_and_audience(
    rest: aiohttp.ClientSession, endpoint: RecordingEndpoint
) -> None:
    """A push with oidc_token carries a JWT in Google's shape that verifies against the published keys; it is reused."""
    await wire(
        rest, endpoint.url, push={"oidcToken": {"serviceAccountEmail": "push@p.iam.gserviceaccount.com"}}
    )
    await publish(rest, {"data": data(b"1")}, {"data": data(b"2")})
    first, second = await endpoint.wait_for(2)
    assert first.headers["Authorization"] == second.headers["Authorization"]
    async with rest.get("/oauth2/v1/certs") as answer:
        certificates = json.loads(await answer.text())
    token = first.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, certs=certificates, audience=endpoint.url)
    assert claims["iss"] == "https://accounts.google.com"
    assert claims["email"] == "push@p.iam.gserviceaccount.com"
    assert claims["email_verified"] is True
    assert claims["exp"] - claims["iat"] == 3_600
    async with rest.get("/oauth2/v3/certs") as answer:
        (key,) = (await answer.json())["keys"]
    assert key["kid"] == jwt.decode_header(token)["kid"]


async def test_deleting_stops_pushing(
    rest: aiohttp.ClientSession, endpoint: RecordingEndpoint, broker: EmbeddedBroker
) -> None:
    """A deleted subscription pushes nothing more, and its hanging pushes end."""
    endpoint.gate.clear()
    # Longer than the test's own timeout: no push ends by it.
    await wire(rest, endpoint.url, ackDeadlineSeconds=600)
    await publish(rest, *({"data": data(b"x")} for _ in range(50)))
    await endpoint.wait_for(5)
    async with rest.delete(SUBSCRIPTION) as answer:
        assert answer.status == 200
    assert broker.catalogue.standings() == {}
    endpoint.gate.set()
    assert len(endpoint.received) == 5
