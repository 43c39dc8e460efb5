"""A turn: pushes that arrive together are parsed together, and each has its own answer."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from rookery.schemas.codec import encode
from rookery.schemas.envelope import Envelope, wrapped
from rookery.schemas.testing import ReadingFactory
from rookery.worker.http.handlers import PushHandler

if TYPE_CHECKING:
    from tests.worker.conftest import House

ODD = b'{"odd": true}'


def push(nth: int, payload: bytes | None = None) -> bytes:
    data = base64.b64encode(encode(ReadingFactory(nth).reading()) if payload is None else payload).decode()
    return json.dumps({"message": {"messageId": f"m{nth}", "data": data}, "subscription": "s"}).encode()


class Asked:
    """One sender's place: the first answer counts, as on a connection."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.last = False

    def __call__(self, status: int, _: str = "", *, last: bool = False) -> None:
        if not self.status.done():
            self.status.set_result(status)
            self.last = last


async def statuses_of(handler: PushHandler, *bodies: bytes) -> list[int]:
    """Enqueue pushes in one turn of the loop; return the status of each, once all have one."""
    asked = [Asked() for _ in bodies]
    for body, answer in zip(bodies, asked, strict=True):
        handler.enqueue(body, answer)
    statuses = await asyncio.gather(*(answer.status for answer in asked))
    assert [answer.last for answer in asked] == [status == 503 for status in statuses]
    return statuses


async def test_every_push_of_a_turn_has_its_own_answer(house: House) -> None:
    """Durable is 204, no envelope is 400, whatever came beside it."""
    handler = PushHandler(house.pipeline, house.metrics)
    assert await statuses_of(handler, push(1), b"garbage", push(2), push(1)) == [204, 400, 204, 204]
    assert [line["message_id"] for line in house.predictions] == ["m1", "m2"]


async def test_a_push_that_breaks_its_reading_takes_nothing_from_its_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect that one body triggers nacks that one alone."""

    def breaks(body: bytes) -> Envelope:
        if body == ODD:
            raise ZeroDivisionError
        return wrapped(body)

    monkeypatch.setattr("rookery.worker.http.handlers.read_envelope", breaks)
    handler = PushHandler(house.pipeline, house.metrics)
    assert await statuses_of(handler, push(1), ODD, push(2)) == [204, 503, 204]


BROKEN = {
    "the pipeline's first step": ("rookery.worker.pipeline.Pipeline.enqueue", [push(1), push(2)]),
    "the size of a message": ("rookery.worker.decoding.message.size_of", [push(1), push(2)]),
    "the decoder": ("rookery.worker.pipeline.decode_inline", [push(1), push(2)]),
    "the window's clock": ("rookery.worker.batching.deduplication.DeduplicationWindow._evict", [push(1), push(2)]),
    "the window's look at one": ("rookery.worker.batching.deduplication.DeduplicationWindow.all_new", [push(1), push(2)]),
    "the window's look at duplicates": ("rookery.worker.batching.deduplication.DeduplicationWindow.partition", [push(1), push(1)]),
    "the window's reservation of many": ("rookery.worker.batching.deduplication.DeduplicationWindow._count_rows", [push(1), push(2)]),
    "the reader of large messages": ("rookery.worker.decoding.offload.MessageDecoder.decode", [push(1, b" " * 300_000)]),
    "the queue": ("rookery.worker.batching.batcher.Batcher.submit", [push(1), push(1)]),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
async def test_no_push_is_left_without_an_answer(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A push is nacked where any step between it and its batch fails, and the log says why."""
    handler = PushHandler(house.pipeline, house.metrics)
    broken, bodies = BROKEN[name]

    def breaks(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    if "partition" in broken:
        assert await statuses_of(handler, push(1)) == [204]
    with monkeypatch.context() as patched:
        patched.setattr(broken, breaks)
        statuses = await statuses_of(handler, *bodies)
    assert set(statuses) <= {204, 503}
    assert 503 in statuses
    assert 1 <= sum(record.exc_info is not None for record in caplog.records) <= len(bodies) + 1
    assert await statuses_of(handler, push(7)) == [204]
