"""A broker that is killed in the middle of its work: a publish that returned is kept."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import aiohttp

from tests.broker.storage.child import broker_process
from tests.broker.storage.client import RestClient, connected, text

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHERS = 8
CONFIRMED_PER_LIFE = 150


class ConfirmedMessages:
    """Publish from many clients at once; `many` is set when enough publishes of this life have returned."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.keys: dict[str, list[str]] = {}
        self.many = asyncio.Event()
        self._life = 0

    async def publish(self, client: RestClient, publisher: int) -> None:
        """Publish one message after another with a key of its own, until the broker is gone."""
        key, number = f"key-{publisher}", 0
        try:
            while True:
                content = f"{publisher}/{len(self.keys.get(key, []))}/{number}"
                status, ids = await client.publish(content, content + "+", key=key)
                assert status == 200
                for ident, each in zip(ids, (content, content + "+"), strict=True):
                    self.texts[ident] = each
                    self.keys.setdefault(key, []).append(ident)
                number += 1
                self._life += 1
                if self._life >= CONFIRMED_PER_LIFE:
                    self.many.set()
        except aiohttp.ClientError:
            self._life = 0


async def test_a_publish_that_returned_survives_kill_9(tmp_path: Path) -> None:
    """After each of three kills in mid-publish, every confirmed message is there as it was stored, keys in order."""
    confirmed = ConfirmedMessages()
    for _ in range(3):
        async with broker_process(tmp_path / "data") as (process, address), connected(address) as client:
            await client.create(enableMessageOrdering=True)
            confirmed.many.clear()
            async with asyncio.TaskGroup() as publishers:
                for number in range(PUBLISHERS):
                    publishers.create_task(confirmed.publish(client, number))
                await confirmed.many.wait()
                process.send_signal(signal.SIGKILL)
            assert await process.wait() == -signal.SIGKILL
    async with broker_process(tmp_path / "data") as (_, address), connected(address) as client:
        delivered = await client.drain()
    found = {each["messageId"]: text(each) for each in delivered}
    assert {ident: found.get(ident) for ident in confirmed.texts} == confirmed.texts
    for key, ids in confirmed.keys.items():
        order = [each["messageId"] for each in delivered if each["orderingKey"] == key]
        assert order == sorted(set(order), key=int)
        assert [ident for ident in order if ident in confirmed.texts] == ids


async def test_a_clean_stop_of_the_process_keeps_acknowledgements(tmp_path: Path) -> None:
    """SIGTERM right after an ack: exit code 0, a line that says what is kept, and only that is redelivered."""
    async with broker_process(tmp_path / "data") as (process, address), connected(address) as client:
        await client.create()
        await client.publish("a", "b", "c")
        await client.ack((await client.pull())[:1])
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        (line,) = (await process.stderr.read()).decode().splitlines()
        assert await process.wait() == 0
    assert f"kept in {tmp_path / 'data'}: 2 (2 of projects/p/subscriptions/work)" in line
    async with broker_process(tmp_path / "data") as (_, address), connected(address) as client:
        assert [text(each) for each in await client.drain()] == ["b", "c"]
