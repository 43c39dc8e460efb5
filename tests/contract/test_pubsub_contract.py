"""Pub/Sub as the rest of Rookery relies on it: the same on the embedded broker and on Google's emulator.

Where the two differ, the test says so; the embedded broker then follows production, the emulator does not.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from rookery.broker.testing import RecordingEndpoint

if TYPE_CHECKING:
    # The fixture's class lives beside it; tests are not a package.
    PubSub = Any

MESSAGE = {"data": base64.b64encode(b"reading").decode(), "attributes": {"rookery_schema": "1"}}


async def test_publish_reaches_a_push_endpoint(pubsub: PubSub) -> None:
    """A push is a POST of JSON with the subscription and the message, id and time in both spellings."""
    async with RecordingEndpoint() as endpoint:
        await pubsub.subscribe("push", pushConfig={"pushEndpoint": endpoint.url})
        (message_id,) = await pubsub.publish(MESSAGE)
        received = (await endpoint.wait_for(1))[0]
    push = received.push()
    published = push["message"]["publishTime"]
    assert push == {
        "subscription": "projects/contract/subscriptions/push",
        "message": {
            **MESSAGE,
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": published,
            "publish_time": published,
        },
    }
    assert published.endswith("Z")


async def test_ordering_key_in_the_push_body(pubsub: PubSub) -> None:
    """The push body has the ordering key; the emulator leaves it out."""
    async with RecordingEndpoint() as endpoint:
        await pubsub.subscribe("push", pushConfig={"pushEndpoint": endpoint.url}, enableMessageOrdering=True)
        await pubsub.publish({**MESSAGE, "orderingKey": "k"})
        push = (await endpoint.wait_for(1))[0].push()
    assert push["message"].get("orderingKey") == (None if pubsub.is_google else "k")


async def test_publish_pull_ack(pubsub: PubSub) -> None:
    """A pulled message is what was published; acked, it is not redelivered, so that the next pull finds the next."""
    await pubsub.subscribe("pull")
    ids = await pubsub.publish(MESSAGE)
    received = await pubsub.pull("pull")
    assert received["message"] == {
        **MESSAGE,
        "messageId": ids[0],
        "publishTime": received["message"]["publishTime"],
    }
    await pubsub.ask("POST", "subscriptions/pull:acknowledge", {"ackIds": [received["ackId"]]})
    ids += await pubsub.publish(MESSAGE)
    assert (await pubsub.pull("pull"))["message"]["messageId"] == ids[1]


async def test_a_nacked_pull_is_redelivered(pubsub: PubSub) -> None:
    """A message whose deadline is set to 0 is redelivered with the same id."""
    await pubsub.subscribe("pull")
    (message_id,) = await pubsub.publish(MESSAGE)
    first = await pubsub.pull("pull")
    nack = {"ackIds": [first["ackId"]], "ackDeadlineSeconds": 0}
    await pubsub.ask("POST", "subscriptions/pull:modifyAckDeadline", nack)
    assert (await pubsub.pull("pull"))["message"]["messageId"] == message_id


async def test_a_nacked_push_is_redelivered(pubsub: PubSub) -> None:
    """A push answered with 503 is redelivered with the same id."""
    async with RecordingEndpoint([503]) as endpoint:
        await pubsub.subscribe("push", pushConfig={"pushEndpoint": endpoint.url})
        (message_id,) = await pubsub.publish(MESSAGE)
        received = await endpoint.wait_for(2)
    assert [each.push()["message"]["messageId"] for each in received[:2]] == [message_id] * 2


async def test_202_acknowledges(pubsub: PubSub) -> None:
    """202 is an ack, as Google documents; the emulator takes it for a nack and pushes again."""
    async with RecordingEndpoint([202]) as endpoint:
        await pubsub.subscribe("push", pushConfig={"pushEndpoint": endpoint.url})
        (first,) = await pubsub.publish(MESSAGE)
        await endpoint.wait_for(1)
        if pubsub.is_google:
            received = await endpoint.wait_for(2)
            assert received[1].push()["message"]["messageId"] == first
        else:
            (second,) = await pubsub.publish(MESSAGE)
            received = await endpoint.wait_for(2)
            assert received[1].push()["message"]["messageId"] == second


async def test_dead_letter(pubsub: PubSub) -> None:
    """After five failed pushes the message is in the dead-letter topic, with where it came from.

    The embedded broker reports each attempt in the push body, as production does; the emulator does not.
    """
    async with RecordingEndpoint([500] * 50) as endpoint:
        await pubsub.subscribe("grave", topic="dead")
        await pubsub.subscribe(
            "push",
            pushConfig={"pushEndpoint": endpoint.url},
            deadLetterPolicy={"deadLetterTopic": "projects/contract/topics/dead", "maxDeliveryAttempts": 5},
            retryPolicy={"minimumBackoff": "0.1s", "maximumBackoff": "0.1s"},
        )
        await pubsub.publish(MESSAGE)
        dead = (await pubsub.pull("grave"))["message"]
        attempts = [each.push().get("deliveryAttempt") for each in endpoint.received[:5]]
    assert dead["data"] == MESSAGE["data"]
    assert dead["attributes"]["rookery_schema"] == "1"
    assert int(dead["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"]) >= 5
    assert dead["attributes"]["CloudPubSubDeadLetterSourceSubscription"] == "push"
    assert dead["attributes"]["CloudPubSubDeadLetterSourceSubscriptionProject"] == "contract"
    assert "CloudPubSubDeadLetterSourceTopicPublishTime" in dead["attributes"]
    assert attempts == ([None] * 5 if pubsub.is_google else [1, 2, 3, 4, 5])


async def test_unwrapped_body(pubsub: PubSub) -> None:
    """An unwrapped push is the payload, with metadata and attributes as headers."""
    async with RecordingEndpoint() as endpoint:
        config = {"pushEndpoint": endpoint.url, "noWrapper": {"writeMetadata": True}}
        await pubsub.subscribe("push", pushConfig=config)
        (message_id,) = await pubsub.publish(MESSAGE)
        received = (await endpoint.wait_for(1))[0]
    assert received.body == b"reading"
    assert received.headers["x-goog-pubsub-message-id"] == message_id
    assert received.headers["x-goog-pubsub-subscription-name"] == "projects/contract/subscriptions/push"
    assert received.headers["x-goog-pubsub-publish-time"].endswith("Z")
    assert received.headers["rookery_schema"] == "1"
    assert received.headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_token_of_an_authenticated_push(pubsub: PubSub) -> None:
    """A subscription with oidc_token gets an Authorization header; the emulator takes the token and sends none."""
    async with RecordingEndpoint() as endpoint:
        token = {"serviceAccountEmail": "push@contract.iam.gserviceaccount.com"}
        await pubsub.subscribe("push", pushConfig={"pushEndpoint": endpoint.url, "oidcToken": token})
        await pubsub.publish(MESSAGE)
        received = (await endpoint.wait_for(1))[0]
    assert ("Authorization" in received.headers) != pubsub.is_google


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ('attributes.kind = "gull"', ["gull"]),
        ('attributes.kind != "gull"', ["tern", None]),
        ("attributes:kind", ["gull", "tern"]),
        ('hasPrefix(attributes.kind, "te") OR (NOT attributes:kind AND attributes:other)', ["tern", None]),
    ],
)
async def test_filter(pubsub: PubSub, text: str, matched: list[str | None]) -> None:
    """A subscription delivers what matches its filter, and the rest counts as acknowledged; the emulator delivers everything."""
    await pubsub.subscribe("filtered", filter=text)
    attributes: list[dict[str, str]] = [{"kind": "gull"}, {"kind": "tern"}, {"other": "x"}]
    await pubsub.publish(*({**MESSAGE, "attributes": each} for each in attributes))
    found = []
    for _ in range(3 if pubsub.is_google else len(matched)):
        received = await pubsub.pull("filtered")
        found.append(received["message"]["attributes"].get("kind"))
        await pubsub.ask("POST", "subscriptions/filtered:acknowledge", {"ackIds": [received["ackId"]]})
    assert sorted(found, key=str) == sorted(["gull", "tern", None] if pubsub.is_google else matched, key=str)
    now = {"maxMessages": 1, "returnImmediately": True}
    assert await pubsub.ask("POST", "subscriptions/filtered:pull", now) == {}


async def test_a_filter_is_checked_and_cannot_be_changed(pubsub: PubSub) -> None:
    """A filter cannot be changed, and a text that is no filter is refused with 400; the emulator takes any text."""
    await pubsub.subscribe("filtered", filter="attributes:kind")
    body = {"topic": "projects/contract/topics/work", "filter": "attributes.kind = gull"}
    assert await pubsub.status("PUT", "subscriptions/invalid", body) == (200 if pubsub.is_google else 400)
    other = {"subscription": {"filter": "attributes:other"}, "updateMask": "filter"}
    assert await pubsub.status("PATCH", "subscriptions/filtered", other) == 400


@pytest.mark.parametrize("body", [{"messages": [{}]}, {"messages": [{"data": "%"}]}])
async def test_refuses_what_is_no_message(pubsub: PubSub, body: dict[str, Any]) -> None:
    """An empty message and broken base64 are refused with 400."""
    await pubsub.subscribe("pull")
    assert await pubsub.status("POST", "topics/work:publish", body) == 400


async def test_a_key_is_not_pulled_past_what_is_outstanding(pubsub: PubSub) -> None:
    """Of three messages of a key, two pulls of one bring the first and then nothing; its ack lets the second go."""
    await pubsub.subscribe("pull", enableMessageOrdering=True)
    ids = await pubsub.publish(*({**MESSAGE, "orderingKey": "k"} for _ in range(3)))
    first = await pubsub.pull("pull")
    assert first["message"]["messageId"] == ids[0]
    now = {"maxMessages": 1, "returnImmediately": True}
    assert not (await pubsub.ask("POST", "subscriptions/pull:pull", now)).get("receivedMessages")
    await pubsub.ask("POST", "subscriptions/pull:acknowledge", {"ackIds": [first["ackId"]]})
    assert (await pubsub.pull("pull"))["message"]["messageId"] == ids[1]


async def test_the_content_type_of_an_unwrapped_push(pubsub: PubSub) -> None:
    """The attribute Content-Type is the header of an unwrapped push with metadata, as Google documents."""
    async with RecordingEndpoint() as endpoint:
        config = {"pushEndpoint": endpoint.url, "noWrapper": {"writeMetadata": True}}
        await pubsub.subscribe("push", pushConfig=config)
        await pubsub.publish({**MESSAGE, "attributes": {"Content-Type": "application/json"}})
        received = (await endpoint.wait_for(1))[0]
    assert received.headers.getall("Content-Type") == ["application/json"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:abc/", "http://${HOST}:${PORT}/", "http://[::1/", "ftp://127.0.0.1/"]
)
async def test_refuses_what_is_no_push_url(pubsub: PubSub, url: str) -> None:
    """A push endpoint that is no URL is refused with 400 when the subscription is made."""
    await pubsub.subscribe("other")
    body = {"topic": "projects/contract/topics/work", "pushConfig": {"pushEndpoint": url}}
    assert await pubsub.status("PUT", "subscriptions/push", body) == 400
    assert await pubsub.status("GET", "subscriptions/push") == 404
