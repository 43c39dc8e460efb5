"""Subscriptions with exactly-once delivery: the result of each acknowledgement is awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.observability.metrics import Metrics
from rookery.worker.pull.acknowledgements import AckSender
from rookery.worker.pull.errors import PullCallError
from rookery.worker.pull.leases import DeliveryLeases
from tests.worker.pull.conftest import PullTopic, pull_metrics, pulled_into, reported

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.worker.conftest import House

    Until = Callable[[Callable[[], bool]], Awaitable[None]]

CONFIRMED = 'rookery_pull_acks_total{outcome="confirmed"}'
UNCONFIRMED = 'rookery_pull_acks_total{outcome="unconfirmed"}'
PERMANENT = "PERMANENT_FAILURE_INVALID_ACK_ID"
TRANSIENT = "TRANSIENT_FAILURE_UNKNOWN"


@pytest.fixture
async def once(topic: PullTopic) -> PullTopic:
    """A topic on the embedded broker whose subscription delivers exactly once."""
    made = PullTopic(topic.address, "once", topic.broker)
    await made.create(enableExactlyOnceDelivery=True)
    return made


async def nack(topic: PullTopic, ack_ids: Sequence[str]) -> None:
    """End deliveries as another client, or an expiry, would."""
    body = {"ackIds": list(ack_ids), "ackDeadlineSeconds": 0}
    async with aiohttp.ClientSession(f"http://{topic.address}/", raise_for_status=True) as client:
        await client.post(f"v1/{topic.subscription}:modifyAckDeadline", json=body)


async def test_every_acknowledgement_is_confirmed(house: House, once: PullTopic, until: Until) -> None:
    """Of 500 readings each is one line, one confirmed acknowledgement, and no delivery more."""
    async with pulled_into(house, once):
        await once.publish([encode(reading) for reading in ReadingFactory(3).readings(500)])
        await until(lambda: once.stats.acked == 500)
        await until(lambda: reported(house.metrics)[CONFIRMED] == 500)
    assert once.stats.delivered == 500
    assert len(house.predictions) == 500
    assert reported(house.metrics)[UNCONFIRMED] == 0


async def test_an_acknowledgement_that_failed_for_good_gives_no_second_line(
    house: House, once: PullTopic, until: Until
) -> None:
    """Its delivery ended while the sink was slow: the message is redelivered, its reading is known, and the second one confirmed."""
    house.results.gate.clear()
    async with pulled_into(house, once) as pull:
        await once.publish([encode(reading) for reading in ReadingFactory(3).readings(3)])
        await house.results.waiting.wait()
        await until(lambda: once.stats.outstanding == 3)
        (ended, *_) = pull._leases.ids
        await nack(once, [ended])
        await until(lambda: once.stats.delivered == 4 and pull._leases.count == 4)
        house.results.gate.set()
        await until(lambda: once.stats.acked == 3)
        await until(lambda: reported(house.metrics)[CONFIRMED] == 3)
    assert reported(house.metrics)[UNCONFIRMED] == 1
    assert len(house.predictions) == 3


async def test_a_lease_that_ended_is_counted_and_extended_no_more(
    house: House, once: PullTopic, until: Until
) -> None:
    """An extension that Pub/Sub refuses for one id takes nothing from the other ones, which the next check extends."""
    house.results.gate.clear()
    async with pulled_into(house, once, ack_deadline_seconds=10) as pull:
        await once.publish([encode(reading) for reading in ReadingFactory(3).readings(3)])
        await house.results.waiting.wait()
        await until(lambda: pull._leases.count == 3)
        ended = pull._leases.ids[0]
        await nack(once, [ended])
        await until(lambda: pull._leases.count == 4)
        for lease in pull._leases._held.values():
            lease.until -= 6.0
        await pull._leases.extend()
        assert reported(house.metrics)["rookery_pull_leases_expired_total"] == 1
        assert reported(house.metrics)["rookery_pull_lease_extensions_total"] == 0
        await pull._leases.extend()
        assert reported(house.metrics)["rookery_pull_leases_expired_total"] == 1
        assert reported(house.metrics)["rookery_pull_lease_extensions_total"] == 3
        house.results.gate.set()
        await until(lambda: once.stats.acked == 3)


class PartlyFailingChannel:
    """Fails once, with a reason for each of some ids."""

    def __init__(self, **failures: str) -> None:
        self.failures = failures
        self.acked: list[list[str]] = []

    async def acknowledge(self, ack_ids: Sequence[str]) -> None:
        failures, self.failures = self.failures, {}
        if failures:
            raise PullCallError("INVALID_ARGUMENT", "on purpose", failures)
        self.acked.append(list(ack_ids))

    async def nack(self, ack_ids: Sequence[str]) -> None:
        raise AssertionError(ack_ids)


async def test_only_ids_that_may_succeed_are_sent_again() -> None:
    """Of one request: those with a transient failure and those that the error does not name, without the others."""
    channel: Any = PartlyFailingChannel(a=PERMANENT, b=TRANSIENT)
    metrics = Metrics()
    counted = pull_metrics(metrics)
    leases = DeliveryLeases(channel, counted, seconds=10, most_messages=9, most_bytes=9)
    leases.hold([(each, 1) for each in "abc"])
    acks = AckSender(channel, leases, counted)
    for each in "abc":
        acks.acknowledge(each)
    await acks.finish()
    assert channel.acked == [["b", "c"]]
    assert leases.ids == []
    assert (reported(metrics)[CONFIRMED], reported(metrics)[UNCONFIRMED]) == (2, 1)
