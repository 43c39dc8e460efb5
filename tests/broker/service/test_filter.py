"""Subscriptions with a filter, over REST, with a store and without one."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from rookery.broker.server import EmbeddedBroker
from rookery.broker.testing import RecordingEndpoint
from tests.broker.storage.client import SUBSCRIPTION, TOPIC, RestClient, connected, text

if TYPE_CHECKING:
    from pathlib import Path

ALL = "projects/p/subscriptions/all"
DEAD = "projects/p/topics/dead"


async def publish(client: RestClient, *kinds: str) -> None:
    messages = [
        {"data": base64.b64encode(kind.encode()).decode(), "attributes": {"kind": kind}} for kind in kinds
    ]
    assert (await client.call("POST", f"{TOPIC}:publish", {"messages": messages}))[0] == 200


async def test_each_subscription_has_its_own_filter(data: Path | None) -> None:
    """Of one topic each subscription delivers what its own filter matches, and counts nothing else as its backlog."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(filter='hasPrefix(attributes.kind, "g")')
        await client.create(subscription=ALL)
        await publish(client, "gull", "tern", "grebe")
        standings = broker.catalogue.standings()
        assert (standings[SUBSCRIPTION].backlog, standings[ALL].backlog) == (2, 3)
        assert [text(each) for each in await client.drain()] == ["gull", "grebe"]
        assert [text(each) for each in await client.drain(ALL)] == ["gull", "tern", "grebe"]
        assert (await client.call("GET", SUBSCRIPTION))[1]["filter"] == 'hasPrefix(attributes.kind, "g")'


async def test_a_filter_survives_a_restart(tmp_path: Path) -> None:
    """After a restart the filter goes on, and what it kept out before does not appear."""
    for kinds in (("gull", "tern"), ("tern", "grebe")):
        async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
            await client.create(filter='attributes.kind != "tern"')
            await publish(client, *kinds)
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        assert [text(each) for each in await client.drain()] == ["gull", "grebe"]


async def test_only_what_matches_is_pushed() -> None:
    """A push subscription pushes what matches its filter."""
    async with (
        EmbeddedBroker() as broker,
        connected(broker.address) as client,
        RecordingEndpoint() as endpoint,
    ):
        await client.create(filter="attributes:kind", pushConfig={"pushEndpoint": endpoint.url})
        await client.publish("without")
        await publish(client, "gull")
        received = await endpoint.wait_for(1)
    assert [each.push()["message"]["attributes"] for each in received] == [{"kind": "gull"}]


async def test_a_dead_letter_is_filtered_too(data: Path | None) -> None:
    """A subscription of a dead-letter topic delivers the dead letters that match its filter."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(topic=DEAD, subscription=ALL)
        other = "projects/p/subscriptions/other"
        await client.create(topic=DEAD, subscription=other, filter='attributes.kind = "gull"')
        await client.create(deadLetterPolicy={"deadLetterTopic": DEAD, "maxDeliveryAttempts": 5})
        await publish(client, "gull", "tern")
        for _ in range(5):
            ids = [each["ackId"] for each in await client.pull()]
            nack = {"ackIds": ids, "ackDeadlineSeconds": 0}
            await client.call("POST", f"{SUBSCRIPTION}:modifyAckDeadline", nack)
        dead: dict[str, list[str]] = {ALL: [], other: []}
        for name, expected in ((ALL, 2), (other, 1)):
            while len(dead[name]) < expected:
                answer: dict[str, Any] = (await client.call("POST", f"{name}:pull", {"maxMessages": 5}))[1]
                dead[name] += [text(each["message"]) for each in answer["receivedMessages"]]
        assert (sorted(dead[ALL]), dead[other]) == (["gull", "tern"], ["gull"])
        assert await client.pull(other) == []


async def test_a_text_that_is_no_filter_is_refused_with_its_place() -> None:
    """The answer names the place of the fault and what is needed there; no subscription is made."""
    async with EmbeddedBroker() as broker, connected(broker.address) as client:
        await client.create(subscription=ALL)
        status, answer = await client.call(
            "PUT", SUBSCRIPTION, {"topic": TOPIC, "filter": "attributes.k = v"}
        )
        assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert answer["error"]["message"] == (
            "Invalid filter, character 16: needed is a string in double quotes, found 'v'."
        )
        assert (await client.call("GET", SUBSCRIPTION))[0] == 404
