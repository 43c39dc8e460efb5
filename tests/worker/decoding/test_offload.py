"""MessageDecoder: large messages are read off the loop, within a bound, and answered like all others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from rookery.schemas.codec import encode
from rookery.schemas.envelope import Envelope
from rookery.schemas.testing import ReadingFactory
from rookery.worker.batching.batcher import QueueLimits
from rookery.worker.decoding.message import INLINE_BYTES, decode_inline
from rookery.worker.decoding.offload import MessageDecoder
from rookery.worker.errors import QueueFullError, RetryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import House

ROWS: Final = 4_000
LARGE: Final = encode(ReadingFactory(1).table(ROWS))


def large(message_id: str) -> Envelope:
    return Envelope(message_id, body=LARGE)


async def test_a_large_table_is_begun_and_answered_once(house: House) -> None:
    """Whoever began it is told when all of it is durable, and a second delivery is answered from the first."""
    assert decode_inline(large("m1")) is None
    told: list[RetryError | None] = []
    house.pipeline.enqueue([(large("m1"), told.append)])
    house.pipeline.enqueue([(large("m1"), told.append)])
    assert (told, len(house.results.blocks)) == ([], 0)
    await house.pipeline.accept(large("m1"))
    await house.pipeline.drain()
    assert told == [None, None]
    assert [line["row"] for line in house.predictions] == [*range(ROWS)]


async def test_draining_answers_what_is_being_read(house: House) -> None:
    """Nobody who was taken waits for ever: a table still being read is told to come again."""
    told: list[RetryError | None] = []
    house.pipeline.enqueue([(large("m1"), told.append)])
    await house.pipeline.drain()
    assert len(told) == 1
    assert isinstance(told[0], RetryError)
    assert house.results.blocks == []


async def test_only_so_many_bytes_wait_to_be_read() -> None:
    """One message is read however large it is, a second one only within the bound; then there is room again."""
    decoder = MessageDecoder(most_bytes=INLINE_BYTES)
    first = asyncio.ensure_future(decoder.decode(large("m1"), kept=True))
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError):
        await decoder.decode(large("m2"), kept=True)
    assert (await decoder.decode(Envelope("m3", body=b"{}"), kept=True)).refused
    assert (await first).usable == ROWS
    assert (await decoder.decode(large("m2"), kept=False)).usable == ROWS


async def test_who_began_a_table_too_many_is_told_to_come_again(build: Callable[..., House]) -> None:
    """The bound of the intake holds for what is still unread, too."""
    house = build(bounds=QueueLimits(batch_rows=4096, queue_rows=10_000, queue_bytes=INLINE_BYTES))
    told: dict[str, asyncio.Future[RetryError | None]] = {}
    for message_id in ("m1", "m2"):
        told[message_id] = asyncio.get_running_loop().create_future()
        house.pipeline.enqueue([(large(message_id), told[message_id].set_result)])
    assert isinstance(await told["m2"], QueueFullError)
    assert await told["m1"] is None
    await house.pipeline.drain()
