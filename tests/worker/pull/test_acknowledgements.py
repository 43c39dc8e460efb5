"""Acknowledgements and leases over a channel that fails on purpose."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from rookery.broker.scheduling.messages import StoredMessage
from rookery.broker.scheduling.rules import Rules
from rookery.broker.scheduling.subscription import Subscription
from rookery.worker.observability.metrics import Metrics
from rookery.worker.pull.acknowledgements import AckSender
from rookery.worker.pull.errors import PullCallError
from rookery.worker.pull.leases import LONGEST_SECONDS, MOST_IDS, DeliveryLeases
from rookery.worker.pull.retry_delay import RetryDelay
from tests.worker.pull.conftest import pull_metrics, reported

if TYPE_CHECKING:
    from collections.abc import Sequence


class FailingChannel:
    """Records requests; the first `failures` of them raise."""

    def __init__(self, failures: int = 0, code: str = "UNAVAILABLE") -> None:
        self.failures = failures
        self.code = code
        self.acked: list[list[str]] = []
        self.modified: list[tuple[list[str], int]] = []
        self.called = asyncio.Event()

    async def acknowledge(self, ack_ids: Sequence[str]) -> None:
        self._fail()
        self.acked.append(list(ack_ids))
        self.called.set()

    async def nack(self, ack_ids: Sequence[str]) -> None:
        await self.modify_deadline(ack_ids, 0)

    async def modify_deadline(self, ack_ids: Sequence[str], seconds: int) -> None:
        self._fail()
        self.modified.append((list(ack_ids), seconds))
        self.called.set()

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise PullCallError(self.code, "on purpose")


def leases_over(channel: Any, **chosen: Any) -> DeliveryLeases:
    return DeliveryLeases(
        channel, pull_metrics(), **{"seconds": 10, "most_messages": 100, "most_bytes": 1_000, **chosen}
    )


async def test_an_acknowledgement_that_fails_is_sent_again() -> None:
    """Until Pub/Sub has it, and only then is its lease released."""
    channel: Any = FailingChannel(failures=2)
    leases = leases_over(channel)
    leases.hold([("a", 1)])
    acks = AckSender(channel, leases, pull_metrics())
    async with acks.sending():
        acks.acknowledge("a")
        await channel.called.wait()
    assert channel.acked == [["a"]]
    assert leases.ids == []


async def test_an_acknowledgement_that_is_refused_is_left_for_a_redelivery() -> None:
    """Another try would be refused too; those behind it go on."""
    channel: Any = FailingChannel(failures=1, code="INVALID_ARGUMENT")
    leases = leases_over(channel)
    leases.hold([("a", 1)])
    acks = AckSender(channel, leases, pull_metrics())
    acks.acknowledge("a")
    await acks.finish()
    acks.acknowledge("b")
    await acks.finish()
    assert channel.acked == [["b"]]
    assert channel.modified == []


async def test_acknowledgements_go_together_within_the_limit_of_a_request() -> None:
    """Those of one turn are one request, or as few as hold them."""
    channel: Any = FailingChannel()
    acks = AckSender(channel, leases_over(channel), pull_metrics())
    for nth in range(MOST_IDS + 1):
        acks.acknowledge(str(nth))
    await acks.finish()
    assert [len(each) for each in channel.acked] == [MOST_IDS, 1]


async def test_a_finish_acknowledges_and_nacks_the_rest() -> None:
    """Every delivery that is held has an answer, the durable ones first."""
    channel: Any = FailingChannel()
    leases = leases_over(channel)
    for ack_id in "abc":
        leases.hold([(ack_id, 1)])
    acks = AckSender(channel, leases, pull_metrics())
    acks.acknowledge("b")
    await acks.finish()
    assert channel.acked == [["b"]]
    assert channel.modified == [(["a", "c"], 0)]
    assert leases.ids == []


async def test_leases_are_extended_before_they_end_and_not_for_ever() -> None:
    """With less than half of the time left, up to the longest time that a delivery may be held."""
    now = 0.0
    channel: Any = FailingChannel()
    leases = leases_over(channel, clock=lambda: now)
    leases.hold([("old", 1)])
    now = 4.0
    leases.hold([("new", 1)])
    await leases.extend()
    assert channel.modified == []
    now = 6.0
    await leases.extend()
    assert channel.modified == [(["old"], 10)]
    now = LONGEST_SECONDS + 1.0
    await leases.extend()
    assert channel.modified[1:] == [(["new"], 10)]


async def test_a_lease_of_10_s_outlasts_work_of_15_s_and_more_over_brokers_own_rules() -> None:
    """By the broker's scheduler and one clock for both, at each moment of a check: no delivery expires, until 10 minutes have passed."""
    now = 0.0
    broker = Subscription(Rules(ack_deadline=60.0))
    broker.offer([StoredMessage(str(nth), b"reading", None, "", 0.0) for nth in range(3)], now)

    class Channel(FailingChannel):
        async def modify_deadline(self, ack_ids: Sequence[str], seconds: int) -> None:
            await super().modify_deadline(ack_ids, seconds)
            for ack_id in ack_ids:
                assert broker.extend(ack_id, seconds, now)

    metrics = Metrics()
    leases = DeliveryLeases(
        Channel(),
        pull_metrics(metrics),
        seconds=10,
        most_messages=9,
        most_bytes=99,
        clock=lambda: now,  # type: ignore[arg-type]  # the calls that leases make
    )
    leases.hold([(each.ack_id, 1) for each in broker.take(now, deadline=leases.seconds)])
    for check in range(1, int(LONGEST_SECONDS / 2.5)):
        now = 2.5 * check
        broker.tick(now)
        await leases.extend()
        if now == 15.0:
            assert broker.standing().delivered == 3
    assert broker.standing().expired == 0
    now = LONGEST_SECONDS + 10.0
    broker.tick(now)
    await leases.extend()
    assert broker.standing().expired == reported(metrics)["rookery_pull_leases_expired_total"] == 3


async def test_there_is_capacity_once_enough_is_released() -> None:
    """By messages and by bytes."""
    leases = leases_over(FailingChannel(), most_messages=2, most_bytes=100)
    leases.hold([("a", 100)])
    waiting = asyncio.create_task(leases.capacity())
    await asyncio.sleep(0)
    assert not waiting.done()
    leases.release(["a"])
    await waiting
    leases.hold([("b", 1)])
    leases.hold([("c", 1)])
    waiting = asyncio.create_task(leases.capacity())
    await asyncio.sleep(0)
    assert not waiting.done()
    leases.release(["c"])
    await waiting


@pytest.mark.parametrize("first", [0.1, 1.0])
def test_delays_grow_to_their_bound_with_jitter(first: float) -> None:
    """Each is between half of its bound and its bound; a reset begins again."""
    delay = RetryDelay(first, 8 * first)
    for bound in (1, 2, 4, 8, 8):
        assert bound * first / 2 <= delay.next() <= bound * first
    delay.reset()
    assert delay.next() <= first
