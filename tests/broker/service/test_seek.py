"""Seek to a time: acknowledged messages are back where the subscription or its topic keeps them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions

from rookery.broker.server import EmbeddedBroker
from rookery.broker.testing import RecordingEndpoint
from tests.broker.storage.client import SUBSCRIPTION, TOPIC, RestClient, connected, text

if TYPE_CHECKING:
    from pathlib import Path

    from google.cloud import pubsub_v1

OTHER = "projects/p/subscriptions/other"
LONG_AGO = "2020-01-01T00:00:00Z"
FUTURE = "2100-01-01T00:00:00Z"


async def seek(client: RestClient, when: str, subscription: str = SUBSCRIPTION) -> None:
    assert await client.call("POST", f"{subscription}:seek", {"time": when}) == (200, {})


async def drained(client: RestClient, subscription: str = SUBSCRIPTION) -> list[str]:
    """The texts that a subscription delivers until nothing is left, over as many pulls as a store's pages need."""
    found: list[str] = []
    while await backlog(client, subscription):
        body = {"maxMessages": 1_000}
        answer = (await client.call("POST", f"{subscription}:pull", body))[1]
        deliveries = answer["receivedMessages"]
        found += [text(each["message"]) for each in deliveries]
        await client.ack(deliveries, subscription)
    return found


async def backlog(client: RestClient, subscription: str) -> int:
    async with client._session.get("/stats") as answer:
        standing: dict[str, int] = (await answer.json())["subscriptions"][subscription]
    return standing["backlog"]


async def published_at(client: RestClient, message: str) -> str:
    """Publish to a subscription that keeps nothing; gives the time as Google writes it."""
    await client.publish(message)
    delivery: dict[str, Any] = (await client.call("POST", f"{OTHER}:pull", {"maxMessages": 1}))[1]
    await client.ack(delivery["receivedMessages"], OTHER)
    found: str = delivery["receivedMessages"][0]["message"]["publishTime"]
    return found


async def test_a_seek_back_redelivers_retained_messages(data: Path | None) -> None:
    """Acknowledged messages published at the time or later are redelivered once, in order; earlier ones are not."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(retainAckedMessages=True)
        await client.create(subscription=OTHER)
        await published_at(client, "a")
        when = await published_at(client, "b")
        await published_at(client, "c")
        assert await drained(client) == ["a", "b", "c"]
        await seek(client, when)
        assert await drained(client) == ["b", "c"]
        await seek(client, LONG_AGO)
        assert await drained(client) == ["a", "b", "c"]


async def test_a_seek_on_acknowledges(data: Path | None) -> None:
    """Messages published before the time are acknowledged, delivered or not, and their later acks are stale."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(retainAckedMessages=True)
        await client.publish("a", "b")
        taken = await client.pull(most=1)
        await seek(client, FUTURE)
        assert await client.pull() == []
        await client.publish("c")
        assert await drained(client) == ["c"]
        await seek(client, LONG_AGO)
        await client.ack(taken)
        assert await drained(client) == ["a", "b", "c"]


async def test_without_retention_only_the_unacknowledged_are_redelivered(data: Path | None) -> None:
    """Where neither subscription nor topic keeps them, acknowledged messages stay gone, and outstanding ones are redelivered."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(ackDeadlineSeconds=600)
        await client.publish("a", "b", "c")
        await client.ack(await client.pull(most=1))
        assert [text(each["message"]) for each in await client.pull(most=1)] == ["b"]
        await seek(client, LONG_AGO)
        assert await drained(client) == ["b", "c"]


async def test_a_topic_keeps_messages_for_subscriptions_that_come_later(data: Path | None) -> None:
    """With topic retention a new subscription seeks back to before it was made, through its own filter."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.call("PUT", TOPIC, {"messageRetentionDuration": "600s"})
        await client.publish("before")
        await client.call(
            "POST", f"{TOPIC}:publish", {"messages": [{"data": "Zw==", "attributes": {"k": "v"}}]}
        )
        await client.create()
        await client.create(subscription=OTHER, filter="attributes:k")
        shown = (await client.call("GET", SUBSCRIPTION))[1]
        assert shown["topicMessageRetentionDuration"] == "600s"
        assert await client.pull() == []
        for name, expected in ((SUBSCRIPTION, ["before", "g"]), (OTHER, ["g"])):
            await seek(client, LONG_AGO, name)
            assert await drained(client, name) == expected


async def test_a_new_subscription_that_retains_finds_nothing_older(data: Path | None) -> None:
    """Messages that another subscription retained are not for one that was made later, or began to retain later."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(retainAckedMessages=True)
        await client.create(subscription=OTHER)
        await client.publish("before")
        assert await drained(client, OTHER) == ["before"]
        patch = {"subscription": {"retainAckedMessages": True}, "updateMask": "retainAckedMessages"}
        await client.call("PATCH", OTHER, patch)
        later = "projects/p/subscriptions/later"
        await client.create(subscription=later, retainAckedMessages=True)
        await client.publish("after")
        for name in (OTHER, later):
            assert await drained(client, name) == ["after"]
            await seek(client, LONG_AGO, name)
            assert await drained(client, name) == ["after"]


async def test_retention_can_be_turned_off(data: Path | None) -> None:
    """Once neither a topic nor a subscription retains messages, those that were kept are gone."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.call("PUT", TOPIC, {"messageRetentionDuration": "600s"})
        await client.create()
        await client.publish("a")
        assert await drained(client) == ["a"]
        off = {"topic": {}, "updateMask": "messageRetentionDuration"}
        assert "messageRetentionDuration" not in (await client.call("PATCH", TOPIC, off))[1]
        shown = (await client.call("GET", SUBSCRIPTION))[1]
        assert "topicMessageRetentionDuration" not in shown
        on = {"topic": {"messageRetentionDuration": "600s"}, "updateMask": "messageRetentionDuration"}
        await client.call("PATCH", TOPIC, on)
        await seek(client, LONG_AGO)
        assert await drained(client) == []


async def test_everything_of_it_survives_a_restart(tmp_path: Path) -> None:
    """Kept messages, the settings and what a subscription sought to are there after a restart."""
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.call("PUT", TOPIC, {"messageRetentionDuration": "1200s"})
        await client.publish("older")
        await client.create(subscription=OTHER)
        await client.create(retainAckedMessages=True, messageRetentionDuration="700s")
        await client.publish("a", "b")
        for name in (SUBSCRIPTION, OTHER):
            assert await drained(client, name) == ["a", "b"]
        await seek(client, LONG_AGO)
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        assert (await client.call("GET", TOPIC))[1]["messageRetentionDuration"] == "1200s"
        assert await drained(client) == ["older", "a", "b"]
        await seek(client, LONG_AGO, OTHER)
        assert await drained(client, OTHER) == ["older", "a", "b"]
        off = {"topic": {}, "updateMask": "messageRetentionDuration"}
        await client.call("PATCH", TOPIC, off)
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await seek(client, LONG_AGO)
        assert await drained(client) == ["a", "b"]


async def test_kept_messages_go_after_their_time(data: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message older than the retention is not sought back, and its space is used again as others are published."""
    real = time.time
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(retainAckedMessages=True, messageRetentionDuration="600s")
        await client.publish("old")
        assert await drained(client) == ["old"]
        monkeypatch.setattr(time, "time", lambda: real() + 601)
        await seek(client, LONG_AGO)
        assert await drained(client) == []


async def test_a_seek_with_ordering_keys_keeps_their_order(data: Path | None) -> None:
    """After a seek amid outstanding messages each key begins at its first message again, in order."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(enableMessageOrdering=True, retainAckedMessages=True)
        for number in range(5):
            for key in ("x", "y"):
                await client.publish(f"{key}{number}", key=key)
        taken = await client.pull(most=5)
        await client.ack(taken[1:3])
        await seek(client, LONG_AGO)
        found = await drained(client)
        for key in ("x", "y"):
            assert [each for each in found if each[0] == key] == [f"{key}{number}" for number in range(5)]


async def test_a_push_subscription_seeks() -> None:
    """After a seek back a push subscription pushes the messages anew."""
    async with (
        EmbeddedBroker() as broker,
        connected(broker.address) as client,
        RecordingEndpoint() as endpoint,
    ):
        await client.create(retainAckedMessages=True, pushConfig={"pushEndpoint": endpoint.url})
        _, ids = await client.publish("a", "b")
        await endpoint.wait_for(2)
        await seek(client, LONG_AGO)
        received = await endpoint.wait_for(4)
    assert sorted(each.push()["message"]["messageId"] for each in received) == sorted(ids * 2)


async def test_publishing_while_seeking_loses_and_doubles_nothing(data: Path | None) -> None:
    """Messages published during seeks are delivered once after the last one."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(retainAckedMessages=True, ackDeadlineSeconds=600)
        names = [str(number) for number in range(60)]
        publishes = [client.publish(name) for name in names]
        seeks = [seek(client, LONG_AGO) for _ in range(10)]
        await asyncio.gather(*publishes, *seeks)
        found = await drained(client)
        assert sorted(found, key=int) == names


async def test_a_seek_that_cannot_be_stored_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store fails, the seek is refused with 503, and the subscription goes on as before."""
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.create(retainAckedMessages=True)
        await client.publish("a", "b")
        taken = await client.pull(most=1)
        with monkeypatch.context() as failing:
            failing.setattr("rookery.broker.storage.database.Database.apply", fail)
            assert (await client.call("POST", f"{SUBSCRIPTION}:seek", {"time": FUTURE}))[0] == 503
        await client.ack(taken)
        assert await drained(client) == ["b"]


def fail(*_: object) -> None:
    raise OSError("no disk")


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({}, 400, "INVALID_ARGUMENT"),
        ({"time": "yesterday"}, 400, "INVALID_ARGUMENT"),
        ({"snapshot": "projects/p/snapshots/work"}, 501, "UNIMPLEMENTED"),
    ],
)
async def test_a_seek_needs_a_time(body: dict[str, str], code: int, status: str) -> None:
    """A seek to nothing or to a snapshot is refused with a sentence; so is one of a detached subscription."""
    async with EmbeddedBroker() as broker, connected(broker.address) as client:
        await client.create()
        answered, answer = await client.call("POST", f"{SUBSCRIPTION}:seek", body)
        assert (answered, answer["error"]["status"]) == (code, status)
        await client.call("POST", f"{SUBSCRIPTION}:detach")
        answered, answer = await client.call("POST", f"{SUBSCRIPTION}:seek", {"time": LONG_AGO})
        assert (answered, answer["error"]["status"]) == (400, "FAILED_PRECONDITION")


async def test_seek_with_googles_client(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """A streaming subscriber of Google's client gets the messages again after a seek, and NOT_FOUND for no subscription."""

    def story() -> None:
        publisher.create_topic(name=TOPIC)
        fields = {"name": SUBSCRIPTION, "topic": TOPIC, "retain_acked_messages": True}
        assert subscriber.create_subscription(fields).retain_acked_messages
        ids = [publisher.publish(TOPIC, b"reading").result(10) for _ in range(3)]
        pulled = subscriber.pull(subscription=SUBSCRIPTION, max_messages=10).received_messages
        subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[each.ack_id for each in pulled])
        back = {"subscription": SUBSCRIPTION, "time": datetime(2020, 1, 1, tzinfo=UTC)}
        subscriber.seek(back)
        again = subscriber.pull(subscription=SUBSCRIPTION, max_messages=10).received_messages
        assert [each.message.message_id for each in again] == ids
        with pytest.raises(exceptions.NotFound):
            subscriber.seek({**back, "subscription": OTHER})

    await asyncio.to_thread(story)
