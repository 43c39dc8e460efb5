"""Pull over stand-in sinks: nothing is acknowledged before it is durable, and what must be retried is nacked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.batching.batcher import QueueLimits
from tests.worker.pull.conftest import pulled_into, reported

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from rookery.worker.pull.subscriber import PullSubscriber
    from tests.worker.conftest import House
    from tests.worker.pull.conftest import PullTopic

    Pulling = Callable[..., AbstractAsyncContextManager[PullSubscriber]]
    Until = Callable[[Callable[[], bool]], Awaitable[None]]


def readings(count: int) -> list[bytes]:
    return [encode(reading) for reading in ReadingFactory(2).readings(count)]


def nacked(house: House) -> float:
    """Messages that the worker counted as nacked for its sink."""
    return reported(house.metrics).get('rookery_retries_total{cause="sink"}', 0.0)


async def test_nothing_is_acknowledged_before_it_is_durable(
    house: House, topic: PullTopic, pulling: Pulling, until: Until
) -> None:
    """While the sink writes, every delivery stays outstanding."""
    house.results.gate.clear()
    async with pulling(house):
        await topic.publish(readings(5))
        await house.results.waiting.wait()
        assert topic.stats.acked == 0
        house.results.gate.set()
        await until(lambda: topic.stats.acked == 5)
    assert len(house.predictions) == 5
    assert topic.stats.nacked == 0


async def test_a_sink_that_fails_has_its_messages_redelivered(
    house: House, topic: PullTopic, pulling: Pulling, until: Until
) -> None:
    """Nacked and counted by cause while it fails, acknowledged once it works again."""
    house.results.broken = True
    async with pulling(house):
        await topic.publish(readings(5))
        await until(lambda: topic.stats.nacked >= 10)
        assert topic.stats.acked == 0
        house.results.broken = False
        await until(lambda: topic.stats.acked == 5)
    assert len(house.predictions) == 5
    assert b'rookery_retries_total{cause="sink"}' in house.metrics.render()


async def test_a_nacked_message_is_redelivered_and_written_once(
    house: House, any_topic: PullTopic, until: Until
) -> None:
    """On each broker: a sink that failed twice has every reading once afterwards."""
    house.results.broken = True
    async with pulled_into(house, any_topic):
        await any_topic.publish(readings(5))
        await until(lambda: nacked(house) >= 10)
        assert house.results.lines == []
        house.results.broken = False
        await until(lambda: len(house.results.lines) >= 5)
    ids = [line["message_id"] for line in house.predictions]
    assert len(ids) == len(set(ids)) == 5


async def test_deliveries_that_find_the_queue_full_wait_in_the_worker(
    build: Callable[..., House], topic: PullTopic, pulling: Pulling, until: Until
) -> None:
    """Tables of far more rows than the queue holds are all classified, and none is nacked for it."""
    house = build(bounds=QueueLimits(batch_rows=500, queue_rows=1_000, queue_bytes=10_000_000))
    tables = [encode(ReadingFactory(nth).table(400)) for nth in range(20)]
    house.results.gate.clear()
    async with pulling(house):
        await topic.publish(tables)
        await topic.publish(readings(50))
        await house.results.waiting.wait()
        await until(lambda: topic.stats.outstanding == 70)
        house.results.gate.set()
        await until(lambda: topic.stats.acked == 70)
    assert topic.stats.nacked == topic.stats.expired == 0
    assert len(house.predictions) == 20 * 400 + 50


async def test_no_more_is_outstanding_than_the_queue_holds(
    house: House, topic: PullTopic, pulling: Pulling, until: Until
) -> None:
    """Flow control counts messages by ROOKERY_QUEUE_ROWS."""
    house.results.gate.clear()
    async with pulling(house, queue_rows=10):
        await topic.publish(readings(50))
        await until(lambda: topic.stats.outstanding == 10)
        await house.results.waiting.wait()
        assert topic.stats.backlog == 40
        house.results.gate.set()
        await until(lambda: topic.stats.acked == 50)


async def test_a_lease_does_not_expire_while_a_slow_sink_works(
    house: House, topic: PullTopic, pulling: Pulling, until: Until
) -> None:
    """A sink that works past the ack deadline of 10 s, until each lease was extended twice: one delivery, one acknowledgement."""
    house.results.gate.clear()
    async with pulling(house, ack_deadline_seconds=10):
        await topic.publish(readings(3))
        await house.results.waiting.wait()
        # The first extension comes after 5 s or more, and the second one 5 s or more after that.
        await until(lambda: reported(house.metrics)["rookery_pull_lease_extensions_total"] >= 6)
        house.results.gate.set()
        await until(lambda: topic.stats.acked == 3)
    assert topic.stats.expired == topic.stats.nacked == 0
    assert topic.stats.delivered == 3
    assert reported(house.metrics)["rookery_pull_leases_expired_total"] == 0


async def test_a_stop_returns_the_deliveries_that_wait(
    build: Callable[..., House], topic: PullTopic, pulling: Pulling, until: Until
) -> None:
    """The accepted ones are finished and acknowledged, those behind a full queue nacked, and none stays leased."""
    house = build(bounds=QueueLimits(batch_rows=400, queue_rows=400, queue_bytes=10_000_000))
    house.results.gate.clear()
    async with pulling(house):
        await topic.publish([encode(ReadingFactory(nth).table(400)) for nth in range(5)])
        await house.results.waiting.wait()
        await until(lambda: topic.stats.outstanding == 5)
        asyncio.get_running_loop().call_later(0.1, house.results.gate.set)
    stats: Any = topic.stats
    assert stats.acked + stats.nacked == 5
    assert stats.acked >= 1
    assert stats.outstanding == 0
    assert len(house.predictions) == 400 * stats.acked


async def test_work_that_does_not_end_in_time_is_returned_before_the_worker_leaves(
    house: House, topic: PullTopic, pulling: Pulling, until: Until
) -> None:
    """A drain that is given up nacks the deliveries in flight, so that no worker waits for their leases."""
    house.results.gate.clear()
    async with pulling(house) as pull:
        await topic.publish(readings(3))
        await house.results.waiting.wait()
        await until(lambda: topic.stats.outstanding == 3)
        await pull.finish()
        assert topic.stats.nacked == 3
        assert topic.stats.acked == 0
        house.results.gate.set()
        await until(lambda: topic.stats.acked == 3)
    assert len(house.predictions) == 3
