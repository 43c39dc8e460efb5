"""MessageDecoder: large messages are read off the loop, within a bound, and answered like all others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from rookery.schemas.codec import encode
from rookery.schemas.contract.default import default_compiled
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
    """Its sender is answered when all of it is durable, and a second delivery joins the first."""
    assert decode_inline(large("m1"), default_compiled()) is None
    outcomes: list[RetryError | None] = []
    house.pipeline.enqueue([(large("m1"), outcomes.append)])
    house.pipeline.enqueue([(large("m1"), outcomes.append)])
    assert (outcomes, len(house.results.blocks)) == ([], 0)
    await house.pipeline.accept(large("m1"))
    await house.pipeline.drain()
    assert outcomes == [None, None]
    assert [line["row"] for line in house.predictions] == [*range(ROWS)]


async def test_draining_answers_what_is_being_read(house: House) -> None:
    """No sender waits for ever: a table that is still being decoded is nacked."""
    outcomes: list[RetryError | None] = []
    house.pipeline.enqueue([(large("m1"), outcomes.append)])
    await house.pipeline.drain()
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], RetryError)
    assert house.results.blocks == []


async def test_only_so_many_bytes_wait_to_be_read() -> None:
    """One message is read however large it is, a second one only within the bound; afterwards the next one is taken."""
    decoder = MessageDecoder(most_bytes=INLINE_BYTES)
    first = asyncio.ensure_future(decoder.decode(large("m1"), default_compiled(), kept=True))
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError):
        await decoder.decode(large("m2"), default_compiled(), kept=True)
    assert (await decoder.decode(Envelope("m3", body=b"{}"), default_compiled(), kept=True)).refused
    assert (await first).usable == ROWS
    assert (await decoder.decode(large("m2"), default_compiled(), kept=False)).usable == ROWS


async def test_a_table_beyond_the_queue_limit_is_nacked(build: Callable[..., House]) -> None:
    """The queue limit holds for messages that are not decoded yet, too."""
    house = build(bounds=QueueLimits(batch_rows=4096, queue_rows=10_000, queue_bytes=INLINE_BYTES))
    outcomes: dict[str, asyncio.Future[RetryError | None]] = {}
    for message_id in ("m1", "m2"):
        outcomes[message_id] = asyncio.get_running_loop().create_future()
        house.pipeline.enqueue([(large(message_id), outcomes[message_id].set_result)])
    assert isinstance(await outcomes["m2"], QueueFullError)
    assert await outcomes["m1"] is None
    await house.pipeline.drain()
