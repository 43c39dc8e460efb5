"""Stores of earlier formats, and the log of what topics keep in the store."""

from __future__ import annotations

import sqlite3
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from rookery.broker.server import EmbeddedBroker
from rookery.broker.service import proto
from rookery.broker.storage.database import FILE_NAME, Database
from rookery.broker.storage.errors import StoreDamagedError
from rookery.broker.storage.upgrades import FORMAT
from tests.broker.storage.client import SUBSCRIPTION, TOPIC, connected, text

if TYPE_CHECKING:
    from pathlib import Path


def rows(folder: Path) -> int:
    with sqlite3.connect(folder / FILE_NAME) as store:
        (found,) = store.execute("SELECT coalesce(sum(count), 0) FROM topic_logs").fetchone()
    store.close()
    return int(found)


COLUMNS = (
    "id INTEGER PRIMARY KEY, published_at REAL NOT NULL, ordering_key TEXT NOT NULL, attributes TEXT,"
    " data BLOB NOT NULL, checksum INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0"
)


def write_row(store: sqlite3.Connection, into: str, ident: int, attributes: str | None, data: bytes) -> None:
    """Write a message as formats 1 and 2 did."""
    now = time.time()
    checksum = zlib.crc32(f"{ident} {now!r} \0{attributes}".encode(), zlib.crc32(data))
    names = "id, published_at, ordering_key, attributes, data, checksum"
    values = (ident, now, "", attributes, data, checksum)
    topic = "topic, " if into == "topic_logs" else ""
    store.execute(
        f"INSERT INTO {into}({topic}{names}) VALUES({'?, ' if topic else ''}?, ?, ?, ?, ?, ?)",
        (TOPIC, *values) if topic else values,
    )


def earlier_store(folder: Path, version: int) -> None:
    """A store of format 1 or 2 that holds two messages and, from format 2 on, keeps an acknowledged one before them."""
    topic = proto.Topic(name=TOPIC)
    topic.message_retention_duration.seconds = 600
    subscription = proto.Subscription(name=SUBSCRIPTION, topic=TOPIC, ack_deadline_seconds=10)
    subscription.message_retention_duration.seconds = 86_400
    subscription.topic_message_retention_duration.seconds = 600
    with sqlite3.connect(folder / FILE_NAME) as store:
        store.execute("CREATE TABLE topics(name TEXT PRIMARY KEY, settings BLOB NOT NULL) WITHOUT ROWID")
        store.execute("CREATE TABLE subscriptions(number INTEGER PRIMARY KEY, settings BLOB NOT NULL)")
        store.execute("CREATE TABLE ids(highest INTEGER NOT NULL)")
        store.execute("INSERT INTO ids VALUES(9)")
        store.execute("INSERT INTO topics VALUES(?, ?)", (TOPIC, topic.SerializeToString()))
        store.execute("INSERT INTO subscriptions VALUES(3, ?)", (subscription.SerializeToString(),))
        store.execute(f"CREATE TABLE messages_3({COLUMNS})")
        write_row(store, "messages_3", 8, None, b"a")
        write_row(store, "messages_3", 9, '{"b":"c"}', b"b")
        if version == 2:
            store.execute("ALTER TABLE subscriptions ADD COLUMN retains_since REAL NOT NULL DEFAULT 0")
            store.execute(f"CREATE TABLE topic_logs(topic TEXT NOT NULL, {COLUMNS})")
            store.execute("CREATE INDEX topic_logs_of ON topic_logs(topic)")
            for ident, data in ((7, b"acknowledged"), (8, b"a"), (9, b"b")):
                write_row(store, "topic_logs", ident, None, data)
        store.execute("PRAGMA application_id = 0x524F4F4B")
        store.execute(f"PRAGMA user_version = {version}")
    store.close()


@pytest.mark.parametrize(("version", "back"), [(1, []), (2, ["acknowledged", "a", "b"])])
async def test_what_an_earlier_store_holds_is_brought_along(
    tmp_path: Path, version: int, back: list[str]
) -> None:
    """The messages of an earlier format are delivered as they were, and what its topics kept can be sought back."""
    earlier_store(tmp_path, version)
    for _ in range(2):
        async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
            pulled = [each["message"] for each in await client.pull()]
            assert [text(each) for each in pulled] == ["a", "b"]
            assert pulled[1]["attributes"] == {"b": "c"}
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        assert len(await client.drain()) == 2
        since = {"time": "2020-01-01T00:00:00Z"}
        assert await client.call("POST", f"{SUBSCRIPTION}:seek", since) == (200, {})
        machine = broker.catalogue.dispatcher(SUBSCRIPTION).subscription
        assert machine.backlog == len(back)
        found: list[str] = []
        while len(found) < len(back):
            _, answer = await client.call("POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 10})
            found += [text(each["message"]) for each in answer.get("receivedMessages", [])]
        assert found == back


async def test_a_damaged_message_of_an_earlier_store_is_named(tmp_path: Path) -> None:
    """A store of an earlier format with a changed message is not upgraded: it stays as it is, and the error names it."""
    earlier_store(tmp_path, 2)
    with sqlite3.connect(tmp_path / FILE_NAME) as store:
        store.execute("UPDATE messages_3 SET data = CAST(data || 'x' AS BLOB)")
    store.close()
    with pytest.raises(StoreDamagedError, match="message 8"):
        Database.open(tmp_path, max_bytes=1_000_000)
    with sqlite3.connect(tmp_path / FILE_NAME) as store:
        assert store.execute("SELECT count(*) FROM messages_3").fetchone() == (2,)
    store.close()


async def test_an_upgraded_store_has_the_present_format(tmp_path: Path) -> None:
    """A store of format 1 retains messages from its upgrade on, and has the number of the present format."""
    earlier_store(tmp_path, 1)
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
