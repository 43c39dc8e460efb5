"""Stores of earlier formats, and the log of what topics keep in the store."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from rookery.broker.server import EmbeddedBroker
from rookery.broker.storage.database import FILE_NAME, FORMAT
from tests.broker.storage.client import SUBSCRIPTION, TOPIC, connected, text

if TYPE_CHECKING:
    from pathlib import Path


def rows(folder: Path) -> int:
    with sqlite3.connect(folder / FILE_NAME) as store:
        (found,) = store.execute("SELECT count(*) FROM topic_logs").fetchone()
    store.close()
    return int(found)


async def test_a_store_of_format_1_is_upgraded(tmp_path: Path) -> None:
    """A store without the parts of later formats is opened with its messages, and retains messages from then on."""
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.create()
        await client.publish("a", "b")
    with sqlite3.connect(tmp_path / FILE_NAME) as store:
        store.execute("DROP TABLE topic_logs")
        store.execute("ALTER TABLE subscriptions DROP COLUMN retains_since")
        store.execute("PRAGMA user_version = 1")
    store.close()
    for _ in range(2):
        async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
            await client.create()
            assert [text(each["message"]) for each in await client.pull()] == ["a", "b"]
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        patch = {"subscription": {"retainAckedMessages": True}, "updateMask": "retainAckedMessages"}
        assert (await client.call("PATCH", SUBSCRIPTION, patch))[0] == 200
        await client.publish("c")
        assert [text(each) for each in await client.drain()] == ["a", "b", "c"]
    assert rows(tmp_path) == 1
    with sqlite3.connect(tmp_path / FILE_NAME) as store:
        assert store.execute("PRAGMA user_version").fetchone() == (FORMAT,)
    store.close()


async def test_outdated_messages_leave_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that a topic kept for their time are deleted as later ones are published, so that its log stays bounded."""
    real = time.time
    for number in range(3):
        monkeypatch.setattr(time, "time", lambda later=601 * number: real() + later)
        async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
            await client.call("PUT", TOPIC, {"messageRetentionDuration": "600s"})
            for _ in range(10):
                await client.publish("a", "b", "c")
    assert rows(tmp_path) == 30


@pytest.mark.parametrize("ending", ["delete", "reset", "turn off"])
async def test_a_log_ends_with_its_topic(tmp_path: Path, ending: str) -> None:
    """Nothing is left in the store of a topic that is deleted, reset, or keeps messages no longer."""
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        await client.call("PUT", TOPIC, {"messageRetentionDuration": "600s"})
        await client.publish("a")
        match ending:
            case "delete":
                await client.call("DELETE", TOPIC)
            case "reset":
                await broker.catalogue.reset()
            case _:
                off = {"topic": {}, "updateMask": "messageRetentionDuration"}
                await client.call("PATCH", TOPIC, off)
    assert rows(tmp_path) == 0
