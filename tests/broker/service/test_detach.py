"""Subscriptions that are detached from their topic."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions

from rookery.broker.server import EmbeddedBroker
from rookery.broker.testing import RecordingEndpoint
from tests.broker.storage.client import SUBSCRIPTION, TOPIC, connected, text

if TYPE_CHECKING:
    from pathlib import Path

    from google.cloud import pubsub_v1


async def test_a_detached_subscription_gets_and_keeps_nothing(data: Path | None) -> None:
    """It is shown as detached and no longer of its topic, its backlog is gone, and pulls are refused with 400."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create()
        await client.publish("a", "b")
        held = await client.pull(most=1)
        for _ in range(2):
            assert await client.call("POST", f"{SUBSCRIPTION}:detach") == (200, {})
        await client.publish("c")
        await client.ack(held)
        assert (await client.call("GET", SUBSCRIPTION))[1]["detached"] is True
        assert (await client.call("GET", f"{TOPIC}/subscriptions"))[1] == {}
        status, answer = await client.call("POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 1})
        assert (status, answer["error"]["status"]) == (400, "FAILED_PRECONDITION")
        standing = broker.catalogue.standings()[SUBSCRIPTION]
        assert (standing.backlog, standing.outstanding) == (0, 0)


async def test_detached_stays_detached_after_a_restart(tmp_path: Path) -> None:
    """After a restart it is detached, without messages, also where a topic of that name is made anew."""
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.create()
        await client.publish("a")
        await client.call("POST", f"{SUBSCRIPTION}:detach")
    for again in (False, True):
        async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
            if again:
                await client.call("DELETE", TOPIC)
                await client.call("PUT", TOPIC)
            await client.publish("b")
            answer = (await client.call("GET", SUBSCRIPTION))[1]
            assert (answer["detached"], answer["topic"]) == (True, "_deleted-topic_" if again else TOPIC)
            assert broker.catalogue.standings()[SUBSCRIPTION].backlog == 0


async def test_detaching_ends_pushes() -> None:
    """Nothing is pushed after a subscription was detached."""
    async with (
        EmbeddedBroker() as broker,
        connected(broker.address) as client,
        RecordingEndpoint() as endpoint,
    ):
        await client.create(pushConfig={"pushEndpoint": endpoint.url})
        other = "projects/p/subscriptions/other"
        await client.create(subscription=other, pushConfig={"pushEndpoint": endpoint.url})
        await client.call("POST", f"{SUBSCRIPTION}:detach")
        await client.publish("a")
        received = await endpoint.wait_for(1)
        while not broker.catalogue.standings()[other].acked:
            await client.call("GET", other)
        assert [each.push()["subscription"] for each in received] == [other]


async def test_detaching_ends_a_stream(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """A streaming subscriber hears FAILED_PRECONDITION when its subscription is detached."""

    def story() -> None:
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription({"name": SUBSCRIPTION, "topic": TOPIC})
        streaming = subscriber.subscribe(SUBSCRIPTION, lambda message: message.ack())
        publisher.detach_subscription({"subscription": SUBSCRIPTION})
        with pytest.raises(exceptions.FailedPrecondition, match="detached"):
            streaming.result(10)

    await asyncio.to_thread(story)


async def test_a_detachment_that_cannot_be_stored_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store fails, the subscription stays attached, with its messages."""
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.create()
        await client.publish("a")
        with monkeypatch.context() as failing:
            failing.setattr("rookery.broker.storage.database.Database.apply", fail)
            assert (await client.call("POST", f"{SUBSCRIPTION}:detach"))[0] == 503
        await client.publish("b")
        assert [text(each) for each in await client.drain()] == ["a", "b"]


def fail(*_: object) -> None:
    raise OSError("no disk")


async def test_only_the_server_says_that_a_subscription_is_detached() -> None:
    """A client that creates a subscription with fields of the server's gets one that is attached."""
    async with EmbeddedBroker() as broker, connected(broker.address) as client:
        await client.create(detached=True, topicMessageRetentionDuration="600s")
        await client.publish("a")
        assert [text(each) for each in await client.drain()] == ["a"]
        answer = (await client.call("GET", SUBSCRIPTION))[1]
        assert not answer.keys() & {"detached", "topicMessageRetentionDuration"}
