"""Backlogs larger than what a subscription holds in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rookery.broker.scheduling import retention
from rookery.broker.server import EmbeddedBroker
from rookery.broker.storage import database
from rookery.broker.testing import RecordingEndpoint
from tests.broker.storage.client import SUBSCRIPTION, RestClient, connected, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Stored = Callable[..., AbstractAsyncContextManager[RestClient]]

MOST, PAGE = 20, 7


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test can pass."""
    monkeypatch.setattr(retention, "MOST_MESSAGES", MOST)
    monkeypatch.setattr(database, "_PAGE_MESSAGES", PAGE)


async def pulled(client: RestClient, wanted: int) -> list[str]:
    """Pull and acknowledge until so many messages have come."""
    found: list[str] = []
    while len(found) < wanted:
        body = {"maxMessages": 100}
        _, answer = await client.call("POST", f"{SUBSCRIPTION}:pull", body)
        deliveries = answer.get("receivedMessages", [])
        found += [text(each["message"]) for each in deliveries]
        await client.ack(deliveries)
    return found


def held(broker: EmbeddedBroker) -> int:
    """Count what no client acknowledged."""
    return sum(each.outstanding + each.backlog for each in broker.catalogue.standings().values())


@pytest.mark.parametrize("key", ["", "a"])
async def test_a_backlog_stays_on_disk_and_is_delivered_in_order(tmp_path: Path, key: str) -> None:
    """Of a long backlog few messages are in memory; all are counted, and delivered in order, over a restart too."""
    texts = [f"{number:03}" for number in range(300)]
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.create(enableMessageOrdering=True)
        for start in range(0, 250, 10):
            await client.publish(*texts[start : start + 10], key=key)
        machine = broker.catalogue.dispatcher(SUBSCRIPTION).subscription
        assert machine.backlog == 250
        assert machine._retention.messages == MOST
        found = await pulled(client, 100)
        assert machine._retention.messages < MOST + PAGE
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        assert held(broker) == 250 - len(found)
        for start in range(250, 300, 10):
            await client.publish(*texts[start : start + 10], key=key)
        found += await pulled(client, 300 - len(found))
        assert held(broker) == 0
    assert found == texts


async def test_a_backlog_on_disk_is_pushed(stored: Stored) -> None:
    """A push subscription goes through its backlog on disk without a publish or another event from outside."""
    async with RecordingEndpoint() as endpoint, stored() as client:
        await client.create()
        texts = [f"{number:03}" for number in range(200)]
        await client.publish(*texts)
        push = {"pushConfig": {"pushEndpoint": endpoint.url}}
        await client.call("POST", f"{SUBSCRIPTION}:modifyPushConfig", push)
        received = await endpoint.wait_for(200)
        assert sorted(text(each.push()["message"]) for each in received) == texts


async def test_damage_behind_the_first_page_ends_the_broker(stored: Stored, tmp_path: Path) -> None:
    """A message whose checksum is wrong is not delivered, and the broker is asked to end with a sentence."""
    async with stored() as client:
        await client.create()
        await client.publish(*("sound" for _ in range(30)))
        await client.publish("precious")
    path = tmp_path / "data" / database.FILE_NAME
    content = bytearray(path.read_bytes())
    content[content.index(b"precious")] ^= 1
    path.write_bytes(content)
    async with EmbeddedBroker(data=tmp_path / "data") as broker, connected(broker.address) as client:
        assert set(await pulled(client, 21)) == {"sound"}
        assert broker.store is not None
        assert str(path) in str(await broker.store.failed)


async def test_a_defect_of_the_writer_ends_the_broker(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect behind which nothing more could be stored leaves no client waiting: the broker is asked to end."""
    async with stored() as client:
        await client.create()
        await client.publish(*("sound" for _ in range(30)))

    async with EmbeddedBroker(data=tmp_path / "data") as broker, connected(broker.address) as client:

        def fail(*_: object) -> None:
            raise RuntimeError("a defect")

        monkeypatch.setattr(database.Database, "page", fail)
        await pulled(client, PAGE)
        assert broker.store is not None
        assert "a defect" in str(await broker.store.failed)


@pytest.mark.parametrize("key", ["", "a"])
async def test_a_seek_over_a_long_backlog_stays_on_disk(tmp_path: Path, key: str) -> None:
    """A seek back over more messages than memory holds, amid deliveries, redelivers all of them in order."""
    texts = [f"{number:03}" for number in range(150)]
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.create(enableMessageOrdering=True, retainAckedMessages=True)
        for start in range(0, 150, 10):
            await client.publish(*texts[start : start + 10], key=key)
        await pulled(client, 90)
        await client.pull(most=5)
        body = {"time": "2020-01-01T00:00:00Z"}
        assert await client.call("POST", f"{SUBSCRIPTION}:seek", body) == (200, {})
        machine = broker.catalogue.dispatcher(SUBSCRIPTION).subscription
        assert held(broker) == 150
        found = await pulled(client, 100)
        assert machine._retention.messages < MOST + PAGE
        found += await pulled(client, 150 - len(found))
        assert (found, held(broker)) == (texts, 0)
