"""Expiration of subscriptions that no client uses."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from rookery.broker.server import EmbeddedBroker
from rookery.broker.service import expiration
from rookery.broker.service.expiration import delete_expired
from rookery.broker.testing import RecordingEndpoint
from tests.broker.storage.client import SUBSCRIPTION, TOPIC, RestClient, connected

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400
SHORT = {"ttl": f"{DAY}s"}


async def names(client: RestClient) -> list[str]:
    _, answer = await client.call("GET", "projects/p/subscriptions")
    return [each["name"].rpartition("/")[2] for each in answer.get("subscriptions", [])]


async def test_an_unused_subscription_expires(data: Path | None) -> None:
    """A subscription is deleted once its ttl has passed without use; one with a longer ttl or without one stays."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(expirationPolicy=SHORT)
        await client.create(
            subscription="projects/p/subscriptions/longer", expirationPolicy={"ttl": f"{2 * DAY}s"}
        )
        await client.create(subscription="projects/p/subscriptions/never", expirationPolicy={})
        await client.create(subscription="projects/p/subscriptions/unset")
        start = broker.catalogue.clock()
        await delete_expired(broker.catalogue, start + DAY - 60)
        assert await names(client) == ["longer", "never", "unset", "work"]
        await delete_expired(broker.catalogue, start + DAY + 60)
        assert await names(client) == ["longer", "never", "unset"]


@pytest.mark.parametrize("use", ["pull", "acknowledge", "extend", "update", "push"])
async def test_use_defers_the_expiration(use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull, an acknowledgement, an extension, a change and a push that was taken count as use."""
    async with (
        EmbeddedBroker() as broker,
        connected(broker.address) as client,
        RecordingEndpoint() as endpoint,
    ):
        push = {"pushConfig": {"pushEndpoint": endpoint.url}} if use == "push" else {}
        await client.create(expirationPolicy=SHORT, **push)
        delivery = [] if use in {"push", "pull"} else await delivered(client)
        real, dispatcher = time.monotonic, broker.catalogue.dispatcher(SUBSCRIPTION)
        monkeypatch.setattr(dispatcher, "_clock", lambda: real() + DAY / 2)
        match use:
            case "pull":
                await client.pull()
            case "acknowledge":
                await client.ack(delivery)
            case "extend":
                body = {"ackIds": [each["ackId"] for each in delivery], "ackDeadlineSeconds": 60}
                await client.call("POST", f"{SUBSCRIPTION}:modifyAckDeadline", body)
            case "update":
                patch = {"subscription": {"labels": {"a": "b"}}, "updateMask": "labels"}
                await client.call("PATCH", SUBSCRIPTION, patch)
            case _:
                await client.publish("a")
                await endpoint.wait_for(1)
                while not broker.catalogue.standings()[SUBSCRIPTION].acked:
                    await client.call("GET", SUBSCRIPTION)
        await delete_expired(broker.catalogue, real() + DAY + 60)
        assert await names(client) == ["work"]
        await delete_expired(broker.catalogue, real() + 2 * DAY)
        assert await names(client) == []


async def delivered(client: RestClient) -> list[dict[str, object]]:
    await client.publish("a")
    return await client.pull()


async def test_a_waiting_pull_is_use() -> None:
    """A subscription that a client waits at does not expire."""
    async with EmbeddedBroker() as broker, connected(broker.address) as client:
        await client.create(expirationPolicy=SHORT)
        pull = asyncio.create_task(client.call("POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 1}))
        while broker.catalogue.dispatcher(SUBSCRIPTION).idle_seconds(float("inf")):
            await client.call("GET", SUBSCRIPTION)
        await delete_expired(broker.catalogue, broker.catalogue.clock() + 10 * DAY)
        await client.publish("a")
        assert len((await pull)[1]["receivedMessages"]) == 1


async def test_the_broker_looks_for_expired_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A running broker deletes expired subscriptions by itself."""
    monkeypatch.setattr(expiration, "CHECK_SECONDS", 0.01)
    async with EmbeddedBroker() as broker, connected(broker.address) as client:
        await client.create(expirationPolicy=SHORT)
        real = time.monotonic
        broker.catalogue.clock = lambda: real() + DAY
        while (await client.call("GET", SUBSCRIPTION))[0] != 404:
            pass


async def test_a_start_begins_the_time_anew_and_keeps_the_policy(tmp_path: Path) -> None:
    """The policy survives a restart; the time that the broker was stopped does not count."""
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.create(expirationPolicy=SHORT)
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        assert (await client.call("GET", SUBSCRIPTION))[1]["expirationPolicy"] == SHORT
        await delete_expired(broker.catalogue, broker.catalogue.clock() + DAY - 60)
        assert await names(client) == ["work"]
        await delete_expired(broker.catalogue, broker.catalogue.clock() + DAY)
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        assert await names(client) == []
        assert (await client.call("GET", TOPIC))[0] == 200


async def test_a_failing_store_defers_the_expiration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscription that cannot be deleted from the store stays as it is, until the next check."""
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.create(expirationPolicy=SHORT)
        later = broker.catalogue.clock() + DAY + 60
        with monkeypatch.context() as failing:
            failing.setattr("rookery.broker.storage.database.Database.apply", fail)
            await delete_expired(broker.catalogue, later)
            assert await names(client) == ["work"]
        await delete_expired(broker.catalogue, later)
        assert await names(client) == []


def fail(*_: object) -> None:
    raise OSError("no disk")
