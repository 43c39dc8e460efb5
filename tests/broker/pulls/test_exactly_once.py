"""Exactly-once delivery for pull: every acknowledgement has an outcome, and one that succeeded is final."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.pubsub_v1 import types

from rookery.broker.errors import InvalidAckIdsError
from rookery.broker.faults import FaultShares
from rookery.broker.server import EmbeddedBroker
from tests.broker.storage.client import SUBSCRIPTION, TOPIC, connected, text

if TYPE_CHECKING:
    from pathlib import Path

    from google.cloud import pubsub_v1

FIELDS = {"enableExactlyOnceDelivery": True}
INVALID = "PERMANENT_FAILURE_INVALID_ACK_ID"


async def test_an_ack_id_ends_with_its_delivery(data: Path | None) -> None:
    """An acknowledged, failed or expired id is refused with its reason, by acknowledge and modifyAckDeadline alike."""
    async with EmbeddedBroker(data=data) as broker, connected(broker.address) as client:
        await client.create(**FIELDS)
        await client.publish("a", "b", "c")
        acked, nacked, expired = [each["ackId"] for each in await client.pull()]
        ack, extend = f"{SUBSCRIPTION}:acknowledge", f"{SUBSCRIPTION}:modifyAckDeadline"
        assert await client.call("POST", ack, {"ackIds": [acked]}) == (200, {})
        assert (await client.call("POST", extend, {"ackIds": [nacked], "ackDeadlineSeconds": 0}))[0] == 200
        machine = broker.catalogue.dispatcher(SUBSCRIPTION).subscription
        machine.tick(broker.catalogue.clock() + 11)
        for ack_id in (acked, nacked, expired, "nonsense"):
            for path, fields in ((ack, {}), (extend, {"ackDeadlineSeconds": 60})):
                status, answer = await client.call("POST", path, {"ackIds": [ack_id], **fields})
                assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
                (details,) = answer["error"]["details"]
                assert (details["reason"], details["domain"]) == (
                    "EXACTLY_ONCE_ACKID_FAILURE",
                    "pubsub.googleapis.com",
                )
                assert details["metadata"] == {ack_id: INVALID}
        assert [text(each) for each in await client.drain()] == ["b", "c"]


async def test_an_ack_after_the_deadline_fails_though_no_timer_ran() -> None:
    """The deadline decides, not the moment at which the broker next looks."""
    async with EmbeddedBroker() as broker, connected(broker.address) as client:
        await client.create(**FIELDS)
        await client.publish("a")
        (delivery,) = await client.pull()
        dispatcher = broker.catalogue.dispatcher(SUBSCRIPTION)
        real = dispatcher._clock
        dispatcher._clock = lambda: real() + 11
        body = {"ackIds": [delivery["ackId"]]}
        assert (await client.call("POST", f"{SUBSCRIPTION}:acknowledge", body))[0] == 400
        assert [text(each) for each in await client.drain()] == ["a"]


async def test_a_request_is_done_for_all_ids_or_none() -> None:
    """Beside an invalid id the others are named for a retry, which succeeds: no client takes one for failed that was acked."""
    async with EmbeddedBroker() as broker, connected(broker.address) as client:
        await client.create(**FIELDS)
        await client.publish("a", "b")
        first, second = [each["ackId"] for each in await client.pull()]
        ack = f"{SUBSCRIPTION}:acknowledge"
        await client.call("POST", ack, {"ackIds": [first]})
        _, answer = await client.call("POST", ack, {"ackIds": [first, second]})
        failures = answer["error"]["details"][0]["metadata"]
        assert failures.pop(first) == INVALID
        assert failures.pop(second).startswith("TRANSIENT_FAILURE_")
        assert failures == {}
        assert (await client.call("POST", ack, {"ackIds": [second, second]}))[0] == 200


def test_many_invalid_ids_are_named_in_parts() -> None:
    """An error names no more ids than gRPC carries, and has the client send the others again."""
    error = InvalidAckIdsError([str(number) for number in range(200)], ["x"])
    assert error.status is grpc.StatusCode.ABORTED
    assert set(error.failures.values()) == {INVALID}
    assert 0 < len(error.failures) < 100


async def test_a_successful_ack_is_final_over_a_crash(tmp_path: Path) -> None:
    """The answer to an acknowledgement comes after its sync: a store copied right then has the message no more."""
    async with EmbeddedBroker(data=tmp_path / "data") as broker, connected(broker.address) as client:
        await client.create(**FIELDS)
        await client.publish("a", "b")
        await client.ack((await client.pull())[:1])
        copy = tmp_path / "copy"
        copy.mkdir()
        for each in (tmp_path / "data").iterdir():
            (copy / each.name).write_bytes(each.read_bytes())
    async with EmbeddedBroker(data=copy) as broker, connected(broker.address) as client:
        assert (await client.call("GET", SUBSCRIPTION))[1]["enableExactlyOnceDelivery"] is True
        assert [text(each) for each in await client.drain()] == ["b"]


async def test_faults_leave_exactly_once_alone() -> None:
    """Duplicates and lost acks, which at-least-once delivery allows, are not made here."""
    faults = FaultShares(seed=1, duplicate=1.0, lost_ack=0.99)
    async with EmbeddedBroker(faults=faults) as broker, connected(broker.address) as client:
        await client.create(**FIELDS)
        await client.publish(*(str(number) for number in range(50)))
        assert len(await client.drain()) == 50
        standing = broker.catalogue.standings()[SUBSCRIPTION]
        assert (standing.delivered, standing.lost_acks) == (50, 0)


def subscribe(publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient) -> None:
    publisher.create_topic(name=TOPIC)
    fields = {"name": SUBSCRIPTION, "topic": TOPIC, "enable_exactly_once_delivery": True}
    assert subscriber.create_subscription(fields).enable_exactly_once_delivery


async def test_googles_client_has_a_result_for_each_ack(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient, broker: EmbeddedBroker
) -> None:
    """A streaming subscriber's `ack_with_response` succeeds for each message, which it has once; a nack brings it back."""
    results: list[AcknowledgeStatus] = []
    seen: list[bytes] = []
    done = threading.Event()

    def on_message(message: pubsub_v1.subscriber.message.Message) -> None:
        seen.append(message.data)
        if message.data == b"7" and seen.count(b"7") == 1:
            results.append(message.nack_with_response().result(20))
        else:
            results.append(message.ack_with_response().result(20))
        if len(results) == 41:
            done.set()

    def story() -> None:
        subscribe(publisher, subscriber)
        streaming = subscriber.subscribe(SUBSCRIPTION, on_message)
        for number in range(40):
            publisher.publish(TOPIC, str(number).encode()).result(10)
        assert done.wait(30)
        streaming.cancel()
        streaming.result(10)

    await asyncio.to_thread(story)
    assert set(results) == {AcknowledgeStatus.SUCCESS}
    assert sorted(seen, key=int) == sorted([*(str(each).encode() for each in range(40)), b"7"], key=int)
    assert broker.catalogue.standings()[SUBSCRIPTION].acked == 40


async def test_googles_client_hears_that_an_ack_came_too_late(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient, broker: EmbeddedBroker
) -> None:
    """An ack whose delivery has ended fails with INVALID_ACK_ID, and the message is redelivered."""
    statuses: list[AcknowledgeStatus] = []
    done, first = threading.Event(), iter([True])

    def on_message(message: pubsub_v1.subscriber.message.Message) -> None:
        # Two callbacks run at once: the delivery of one of them ends.
        if next(first, False):
            machine = broker.catalogue.dispatcher(SUBSCRIPTION).subscription
            machine.nack(message.ack_id, broker.catalogue.clock())
        try:
            statuses.append(message.ack_with_response().result(20))
        except AcknowledgeError as error:
            statuses.append(error.error_code)
        if len(statuses) == 3:
            done.set()

    def story() -> None:
        subscribe(publisher, subscriber)
        publisher.publish(TOPIC, b"reading").result(10)
        streaming = subscriber.subscribe(SUBSCRIPTION, on_message)
        # The failed delivery wakes no reader by itself: this test fails it behind the dispatcher's back.
        publisher.publish(TOPIC, b"other").result(10)
        assert done.wait(30)
        streaming.cancel()
        streaming.result(10)

    await asyncio.to_thread(story)
    assert statuses.count(AcknowledgeStatus.INVALID_ACK_ID) == 1
    assert statuses.count(AcknowledgeStatus.SUCCESS) == 2


async def test_a_unary_ack_of_googles_client_carries_the_reason(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """The gRPC error has google.rpc.ErrorInfo with the reason against the id."""

    def story() -> None:
        subscribe(publisher, subscriber)
        with pytest.raises(exceptions.InvalidArgument) as refused:
            subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=["nonsense"])
        assert refused.value.reason == "EXACTLY_ONCE_ACKID_FAILURE"
        assert refused.value.domain == "pubsub.googleapis.com"
        assert dict(refused.value.metadata) == {"nonsense": INVALID}

    await asyncio.to_thread(story)


async def test_a_stream_confirms_each_id(broker: EmbeddedBroker) -> None:
    """Ids that come over the stream are confirmed there, valid and invalid apart, and the properties say exactly once."""
    async with connected(broker.address) as client, grpc.aio.insecure_channel(broker.address) as channel:
        await client.create(**FIELDS)
        await client.publish("a", "b", "c")
        call = channel.stream_stream("/google.pubsub.v1.Subscriber/StreamingPull")()

        async def send(**fields: object) -> None:
            await call.write(types.StreamingPullRequest.serialize(types.StreamingPullRequest(**fields)))

        async def read() -> types.StreamingPullResponse:
            return types.StreamingPullResponse.deserialize(await call.read())

        await send(subscription=SUBSCRIPTION, stream_ack_deadline_seconds=10)
        first = await read()
        assert first.subscription_properties.exactly_once_delivery_enabled
        one, two, three = [each.ack_id for each in first.received_messages]
        await send(ack_ids=[one, "nonsense"])
        confirmation = (await read()).acknowledge_confirmation
        assert (confirmation.ack_ids, confirmation.invalid_ack_ids) == ([one], ["nonsense"])
        await send(modify_deadline_ack_ids=[one, two, three], modify_deadline_seconds=[60, 60, 0])
        answer = await read()
        assert "acknowledge_confirmation" not in answer
        assert answer.modify_ack_deadline_confirmation.ack_ids == [two, three]
        assert answer.modify_ack_deadline_confirmation.invalid_ack_ids == [one]
        call.cancel()


async def test_it_can_be_turned_on_and_off(broker: EmbeddedBroker) -> None:
    """Without exactly-once delivery ended ids are passed over, as Google does; the setting can be changed."""
    async with connected(broker.address) as client:
        await client.create()
        body = {"ackIds": ["nonsense"]}
        for on, status in ((False, 200), (True, 400), (False, 200)):
            patch = {
                "subscription": {"enableExactlyOnceDelivery": on},
                "updateMask": "enableExactlyOnceDelivery",
            }
            assert (await client.call("PATCH", SUBSCRIPTION, patch))[0] == 200
            assert (await client.call("POST", f"{SUBSCRIPTION}:acknowledge", body))[0] == status
