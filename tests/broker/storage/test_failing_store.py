"""A full disk, a full store, a failing sync: requests are refused, and nothing that was acknowledged is lost."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from rookery.broker.server import EmbeddedBroker
from rookery.broker.storage import database
from tests.broker.storage.client import RestClient, connected, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Stored = Callable[..., AbstractAsyncContextManager[RestClient]]

PUBLISH_STATUS = {sqlite3.SQLITE_FULL: 429, sqlite3.SQLITE_IOERR_FSYNC: 503}


class FailingConnection(sqlite3.Connection):
    """A connection whose syncs fail while `code` is set, as SQLite's do: the transaction is rolled back."""

    code: ClassVar[int] = 0

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement == "COMMIT" and self.code:
            super().execute("ROLLBACK")
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error
        return super().execute(statement, *values)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let every sync fail with a code of SQLite (0: none)."""
    monkeypatch.setattr(database, "StoreConnection", FailingConnection)
    return lambda code: monkeypatch.setattr(FailingConnection, "code", code)


@pytest.mark.parametrize("code", PUBLISH_STATUS)
async def test_a_failing_sync_refuses_and_loses_nothing(
    stored: Stored, failing: Callable[[int], None], code: int
) -> None:
    """A publish whose sync fails is refused and not delivered; what was there is, and later publishes succeed."""
    async with stored() as client:
        await client.create()
        assert (await client.publish("before"))[0] == 200
        failing(code)
        assert (await client.publish("refused")) == (PUBLISH_STATUS[code], [])
        assert (await client.call("PUT", "projects/p/topics/other"))[0] == PUBLISH_STATUS[code]
        assert [text(each["message"]) for each in await client.pull()] == ["before"]
        failing(0)
        assert (await client.publish("after"))[0] == 200
        assert (await client.call("GET", "projects/p/topics/other"))[0] == 404
        assert [text(each["message"]) for each in await client.pull()] == ["after"]
    async with stored() as client:
        assert [text(each) for each in await client.drain()] == ["before", "after"]


async def test_acknowledgements_outlive_a_failing_sync(
    stored: Stored, failing: Callable[[int], None]
) -> None:
    """Acks that could not be synced are synced with the next batch that succeeds."""
    async with stored() as client:
        await client.create()
        await client.publish("a", "b")
        failing(sqlite3.SQLITE_FULL)
        await client.ack((await client.pull())[:1])
        assert (await client.publish("refused"))[0] == 429
        failing(0)
        assert (await client.publish("c"))[0] == 200
    async with stored() as client:
        assert [text(each) for each in await client.drain()] == ["b", "c"]


async def test_acknowledgements_that_cannot_be_synced_are_redelivered(
    stored: Stored, failing: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that ends while syncs fail says so, and redelivers what was acknowledged: a duplicate, no loss."""
    async with stored() as client:
        await client.create()
        await client.publish("a")
        failing(sqlite3.SQLITE_IOERR_FSYNC)
        await client.ack(await client.pull())
    assert "acknowledged messages are redelivered" in caplog.text
    failing(0)
    async with stored() as client:
        assert [text(each) for each in await client.drain()] == ["a"]


async def test_a_store_that_is_found_damaged_ends_the_broker(
    tmp_path: Path, failing: Callable[[int], None]
) -> None:
    """Damage that a sync meets is refused with 503, and the broker is asked to end with a sentence that names the file."""
    async with EmbeddedBroker(data=tmp_path) as broker, connected(broker.address) as client:
        assert broker.store is not None
        await client.create()
        failing(sqlite3.SQLITE_CORRUPT)
        assert (await client.publish("refused"))[0] == 503
        assert str(tmp_path) in str(await broker.store.failed)


async def test_a_full_store_takes_messages_again_once_some_are_acknowledged(stored: Stored) -> None:
    """At its size limit the store answers RESOURCE_EXHAUSTED, keeps what it has, and goes on when there is space."""
    body, kept = "x" * 2_000, []
    async with stored(max_bytes=300_000) as client:
        await client.create()
        while (answer := await client.publish(body))[0] == 200:
            kept += answer[1]
        assert answer == (429, [])
        assert len(kept) > 20
    async with stored(max_bytes=300_000) as client:
        assert (await client.publish(body))[0] == 429
        assert [each["messageId"] for each in await client.drain()] == kept
        # The first one finds the store full still, and has it write the acks alone.
        await client.publish(body)
        assert (await client.publish(body))[0] == 200
