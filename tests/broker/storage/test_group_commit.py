"""Publishers that share one sync."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from rookery.broker.scheduling.messages import StoredMessage
from rookery.broker.storage import changes
from rookery.broker.storage.database import Database
from rookery.broker.storage.store import MessageStore

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.broker.storage.write_batch import WriteBatch


class Gate:
    """Hold back each sync until it is opened; `sizes` has the number of messages of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.open = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        real = Database.apply

        def apply(database: Database, batch: WriteBatch) -> None:
            self.begun.set()
            self.open.wait()
            self.sizes.append(sum(map(len, batch.published.values())))
            real(database, batch)

        monkeypatch.setattr(Database, "apply", apply)


def message(number: int) -> StoredMessage:
    return StoredMessage(str(number), b"x", None, "", 1_700_000_000.0)


@pytest.fixture
async def store(tmp_path: Path) -> MessageStore:
    return MessageStore(tmp_path)


async def test_publishers_that_wait_share_one_sync(
    store: MessageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one sync runs, all publishes that come wait for the next one together, and are taken in order."""
    async with store:
        number = store.journal().number
        await store.change(changes.create_subscription(number, b""))
        gate, taken = Gate(monkeypatch), []

        def publish(ident: int) -> asyncio.Task[None]:
            new = [message(ident)]
            return asyncio.create_task(store.publish(new, {number: new}, lambda: taken.append(ident)))

        publishes = [publish(1)]
        await asyncio.to_thread(gate.begun.wait)
        publishes += [publish(ident) for ident in range(2, 66)]
        await asyncio.sleep(0)
        assert taken == []
        gate.open.set()
        await asyncio.gather(*publishes)
        assert gate.sizes == [1, 64]
        assert taken == list(range(1, 66))


async def test_a_message_whose_publisher_leaves_is_taken_all_the_same(
    store: MessageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that disconnects during the sync leaves a stored message, which is delivered like any other."""
    async with store:
        number = store.journal().number
        await store.change(changes.create_subscription(number, b""))
        gate, taken = Gate(monkeypatch), asyncio.Event()
        publish = asyncio.create_task(store.publish([message(1)], {number: [message(1)]}, taken.set))
        await asyncio.to_thread(gate.begun.wait)
        publish.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publish
        gate.open.set()
        await taken.wait()


async def test_a_message_for_a_deleted_subscription_is_passed_over(store: MessageStore) -> None:
    """A publish that meets the deletion of its subscription returns, and the other subscriptions have the message."""
    async with store:
        gone, stays = store.journal().number, store.journal().number
        for number in (gone, stays):
            await store.change(changes.create_subscription(number, b""))
        await store.change(changes.delete_subscription(gone))
        await store.publish([message(1)], {gone: [message(1)], stays: [message(1)]}, lambda: None)
        assert [each.message for each in store.first_page(stays)] == [message(1)]
