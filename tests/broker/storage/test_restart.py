"""A broker that is stopped and started again: everything is as it was."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rookery.broker.testing import RecordingEndpoint
from tests.broker.storage.client import SUBSCRIPTION, TOPIC, RestClient, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    import pytest

    Stored = Callable[..., AbstractAsyncContextManager[RestClient]]

DEAD = "projects/p/topics/dead"
GRAVE = "projects/p/subscriptions/dead"


async def test_settings_are_there_after_a_restart(stored: Stored) -> None:
    """Topics and subscriptions are listed as before, with every field."""
    fields: dict[str, Any] = {
        "ackDeadlineSeconds": 33,
        "labels": {"owner": "é"},
        "enableMessageOrdering": True,
        "messageRetentionDuration": "1200s",
        "retryPolicy": {"minimumBackoff": "1s", "maximumBackoff": "20s"},
        "deadLetterPolicy": {"deadLetterTopic": DEAD, "maxDeliveryAttempts": 7},
        "pushConfig": {"pushEndpoint": "http://127.0.0.1:9/push"},
    }
    async with stored() as client:
        await client.create(topic=DEAD, subscription=GRAVE)
        await client.create(**fields)
        await client.call("PATCH", TOPIC, {"topic": {"labels": {"a": "b"}}, "updateMask": "labels"})
        push = {"pushEndpoint": "http://127.0.0.1:9/other"}
        await client.call("POST", f"{SUBSCRIPTION}:modifyPushConfig", {"pushConfig": push})
        before = [await client.call("GET", f"projects/p/{kind}") for kind in ("topics", "subscriptions")]
    async with stored() as client:
        after = [await client.call("GET", f"projects/p/{kind}") for kind in ("topics", "subscriptions")]
    assert after == before
    assert {"owner": "é"} in [each.get("labels") for each in after[1][1]["subscriptions"]]


async def test_messages_are_as_they_were_stored(stored: Stored) -> None:
    """Data, attributes, key, id and time of every message are the same after a restart."""
    messages = [
        {"data": "AAECA//+", "attributes": {"ключ": "значение", "empty": ""}, "orderingKey": "é\0x"},
        {"attributes": {"only": "attributes"}},
        {"data": "eHh4" * 50_000},
    ]
    async with stored() as client:
        await client.create(ackDeadlineSeconds=600)
        _, published = await client.call("POST", f"{TOPIC}:publish", {"messages": messages})
        before = [each["message"] for each in await client.pull()]
    async with stored() as client:
        after = [each["message"] for each in await client.pull()]
    assert after == before
    assert [each["messageId"] for each in after] == published["messageIds"]


async def test_an_acknowledged_message_is_not_redelivered_after_a_clean_stop(stored: Stored) -> None:
    """Acks are kept, and an unacknowledged message comes with its next attempt."""
    dead = {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 5}
    async with stored() as client:
        await client.create(deadLetterPolicy=dead)
        await client.publish("a", "b", "c")
        await client.ack((await client.pull())[:2])
    for attempt in (2, 3):
        async with stored() as client:
            (left,) = await client.pull()
        assert (text(left["message"]), left["deliveryAttempt"]) == ("c", attempt)


async def test_the_order_of_keys_survives(stored: Stored) -> None:
    """After a restart each key goes on with its first unacknowledged message, in order."""
    async with stored() as client:
        await client.create(enableMessageOrdering=True)
        for number in range(20):
            for key in ("a", "b", "c"):
                await client.publish(f"{number:02}", key=key)
        acked = [each for each in await client.pull() if int(text(each["message"])) < 7]
        await client.ack(acked)
    async with stored() as client:
        for number in range(20, 23):
            await client.publish(f"{number:02}", key="a")
        left = await client.drain()
    for key, last in (("a", 23), ("b", 20), ("c", 20)):
        assert [int(text(each)) for each in left if each["orderingKey"] == key] == list(range(7, last))


async def test_push_goes_on_after_a_restart(stored: Stored) -> None:
    """A push subscription goes on by itself with what was not acknowledged, and with what is published then."""
    async with RecordingEndpoint() as endpoint:
        endpoint.gate.clear()
        async with stored() as client:
            await client.create(pushConfig={"pushEndpoint": endpoint.url})
            _, (first,) = await client.publish("first")
            await endpoint.wait_for(1)
        endpoint.gate.set()
        async with stored() as client:
            await endpoint.wait_for(2)
            _, (second,) = await client.publish("second")
            received = await endpoint.wait_for(3)
    assert [each.push()["message"]["messageId"] for each in received] == [first, first, second]


async def test_deleted_things_stay_deleted(stored: Stored) -> None:
    """A deleted subscription is gone with its messages; the subscriptions of a deleted topic stay without one."""
    gone = "projects/p/subscriptions/gone"
    async with stored() as client:
        await client.create()
        await client.create(subscription=gone)
        await client.publish("a")
        await client.call("DELETE", gone)
        await client.call("DELETE", TOPIC)
    async with stored() as client:
        assert (await client.call("GET", gone))[0] == 404
        assert (await client.call("GET", TOPIC))[0] == 404
        assert (await client.call("GET", SUBSCRIPTION))[1]["topic"] == "_deleted-topic_"
        assert [text(each) for each in await client.drain()] == ["a"]
        await client.create(subscription=gone)
        assert await client.pull(gone) == []


async def test_a_dead_letter_is_kept(stored: Stored) -> None:
    """A message that moved to its dead-letter topic is there after a restart, and nowhere else."""
    async with stored() as client:
        await client.create(topic=DEAD, subscription=GRAVE)
        await client.create(deadLetterPolicy={"deadLetterTopic": DEAD, "maxDeliveryAttempts": 5})
        await client.publish("poison")
        for _ in range(5):
            (delivery,) = await client.pull()
            nack = {"ackIds": [delivery["ackId"]], "ackDeadlineSeconds": 0}
            await client.call("POST", f"{SUBSCRIPTION}:modifyAckDeadline", nack)
    async with stored() as client:
        assert await client.drain() == []
        (dead,) = await client.drain(GRAVE)
    assert text(dead) == "poison"
    assert dead["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"


async def test_retention_counts_while_the_broker_is_stopped(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that outlived its retention during the stop is not delivered."""
    real = time.time
    async with stored() as client:
        await client.create(messageRetentionDuration="600s")
        await client.publish("old")
        monkeypatch.setattr(time, "time", lambda: real() + 300)
    async with stored() as client:
        await client.publish("younger")
        monkeypatch.setattr(time, "time", lambda: real() + 601)
    async with stored() as client:
        assert [text(each) for each in await client.drain()] == ["younger"]


async def test_a_clock_that_was_set_back_repeats_no_id(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Message ids and ack ids rise from process to process, and the order stays, whatever the clock says."""
    real, ids = time.time, []
    stale: list[dict[str, Any]] = []
    for number in range(3):
        monkeypatch.setattr(time, "time", lambda back=3_600 * number: real() - back)
        async with stored() as client:
            await client.create()
            ids += (await client.publish(str(number)))[1]
            await client.ack(stale)
            stale = await client.pull()
    async with stored() as client:
        assert [text(each) for each in await client.drain()] == ["0", "1", "2"]
    assert ids == sorted(set(ids), key=int)
