"""Pull keeps the promises of push: poison, rejections, dead letters, duplicates, keys and tables, on both brokers."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import aiohttp

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.testing import RuleClassifier
from tests.worker.pull.conftest import PullTopic, pulled_into, reported

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.worker.conftest import House

    Until = Callable[[Callable[[], bool]], Awaitable[None]]

ATTEMPTS = 5
CONFIRMED = 'rookery_pull_acks_total{outcome="confirmed"}'


def readings(count: int, prefix: str) -> list[bytes]:
    return [encode(each) for each in ReadingFactory(2).readings(count, prefix=prefix)]


async def test_poison_and_malformed_payloads_are_rejected_once_and_harm_no_neighbour(
    build: Callable[..., House], any_topic: PullTopic, until: Until
) -> None:
    """A reading that the model fails on, broken JSON, an empty table and a table with a bad row: each acknowledged at its first delivery."""
    house = build(RuleClassifier(lambda row: row[0] == 77))
    table = json.dumps({"bill_length_mm": [40, -1, 77, 50], "reading_id": ["t0", "t1", "t2", "t3"]}).encode()
    poison = json.dumps({"bill_length_mm": 77, "reading_id": "poison"}).encode()
    sent = [*readings(100, "r"), poison, b"{", b"\xff\x00", b'{"bill_length_mm": []}', table]
    async with pulled_into(house, any_topic):
        await any_topic.publish(sent)
        await until(lambda: reported(house.metrics)[CONFIRMED] == len(sent))
    named = {line["reading_id"] for line in house.predictions}
    assert named == {f"r-{nth}" for nth in range(100)} | {"t0", "t3"}
    assert len(house.predictions) == 102
    rejected = Counter(line["reading_id"] for line in house.rejections)
    assert len(house.rejections) == 6
    assert {"poison", "t1", "t2"} <= rejected.keys()
    assert all(line["reasons"] for line in house.rejections)
    assert reported(house.metrics)["rookery_pull_nacks_total"] == 0


async def test_one_reading_in_several_messages_is_one_line(
    house: House, any_topic: PullTopic, until: Until
) -> None:
    """By its reading_id, together and after it became durable; every message is acknowledged."""
    async with pulled_into(house, any_topic):
        await any_topic.publish(readings(20, "d") * 3)
        await until(lambda: reported(house.metrics)[CONFIRMED] == 60)
        await any_topic.publish(readings(20, "d"))
        await until(lambda: reported(house.metrics)[CONFIRMED] == 80)
    assert Counter(line["reading_id"] for line in house.predictions) == {f"d-{nth}": 1 for nth in range(20)}


async def test_a_message_that_fails_for_ever_goes_to_the_dead_letters(
    build: Callable[..., House], any_topic: PullTopic
) -> None:
    """After its delivery attempts, unchanged, and nothing is written."""
    grave = PullTopic(any_topic.address, f"{any_topic.name}-dead", any_topic.broker)
    await grave.create()
    doomed = PullTopic(any_topic.address, f"{any_topic.name}-doomed", any_topic.broker)
    await doomed.create(
        deadLetterPolicy={
            "deadLetterTopic": f"projects/p/topics/{grave.name}",
            "maxDeliveryAttempts": ATTEMPTS,
        },
        retryPolicy={"minimumBackoff": "0.1s", "maximumBackoff": "0.1s"},
    )
    house = build(RuleClassifier(lambda _: True, healthy=False))
    (payload,) = readings(1, "x")
    async with pulled_into(house, doomed):
        (message_id,) = await doomed.publish([payload], attributes={"device": "mast"})
        dead: list[dict[str, object]] = []
        async with aiohttp.ClientSession(f"http://{any_topic.address}/", raise_for_status=True) as client:
            while not dead:
                async with client.post(f"v1/{grave.subscription}:pull", json={"maxMessages": 1}) as answer:
                    received = json.loads(await answer.read()).get("receivedMessages", [])
                dead += [each["message"] for each in received]
    attributes = dead[0]["attributes"]
    assert isinstance(attributes, dict)
    assert attributes["device"] == "mast"
    assert int(attributes["CloudPubSubDeadLetterSourceDeliveryCount"]) >= ATTEMPTS
    assert house.results.lines == house.rejects.lines == []
    assert reported(house.metrics)['rookery_retries_total{cause="model"}'] >= ATTEMPTS
    assert message_id


async def test_an_attempt_is_counted_where_there_is_a_dead_letter_policy(
    house: House, topic: PullTopic, until: Until
) -> None:
    """A rejection that is redelivered has the number of its delivery in its line; Google's emulator counts none."""
    grave = PullTopic(topic.address, "dead", topic.broker)
    await grave.create()
    counted = PullTopic(topic.address, "counted", topic.broker)
    policy = {"deadLetterTopic": "projects/p/topics/dead", "maxDeliveryAttempts": 20}
    await counted.create(deadLetterPolicy=policy)
    house.rejects.broken = True
    async with pulled_into(house, counted):
        await counted.publish([b"{"])
        await until(lambda: counted.stats.nacked >= 2)
        house.rejects.broken = False
        await until(lambda: counted.stats.acked == 1)
    (line,) = house.rejections
    assert line["delivery_attempt"] >= 3


async def test_the_messages_of_a_key_arrive_in_order_and_none_is_lost(
    house: House, any_topic: PullTopic, until: Until
) -> None:
    """Of a subscription with message ordering: 4 keys of 50 readings, each a line, in the order of its key."""
    ordered = PullTopic(any_topic.address, f"{any_topic.name}-ordered", any_topic.broker)
    await ordered.create(enableMessageOrdering=True)
    async with pulled_into(house, ordered):
        for key in "abcd":
            await ordered.publish(readings(50, key), orderingKey=key)
        await until(lambda: reported(house.metrics)[CONFIRMED] == 200)
    for key in "abcd":
        found = [line["reading_id"] for line in house.predictions if line["reading_id"].startswith(key)]
        assert found == [f"{key}-{nth}" for nth in range(50)]
