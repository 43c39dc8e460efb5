"""Google's own clients, unmodified, on the embedded broker's gRPC door."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.protobuf import duration_pb2, field_mask_pb2
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport

from rookery.broker.service import proto

if TYPE_CHECKING:
    from rookery.broker.server import EmbeddedBroker

TOPIC = "projects/p/topics/work"
SUBSCRIPTION = "projects/p/subscriptions/work"


def make(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient, **fields: object
) -> None:
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription({"name": SUBSCRIPTION, "topic": TOPIC, **fields})


async def test_publish_pull_ack(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """A published message is pulled with data, attributes, time and key, and not redelivered after its ack."""

    def story() -> None:
        make(publisher, subscriber)
        message_id = publisher.publish(TOPIC, b"reading", kind="gull", ordering_key="k").result(10)
        (received,) = subscriber.pull(subscription=SUBSCRIPTION, max_messages=10).received_messages
        assert received.message.message_id == message_id
        assert received.message.data == b"reading"
        assert dict(received.message.attributes) == {"kind": "gull"}
        assert received.message.ordering_key == "k"
        assert received.message.publish_time.year >= 2026
        assert received.delivery_attempt == 0
        subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[received.ack_id])
        empty = subscriber.pull(
            {"subscription": SUBSCRIPTION, "max_messages": 10, "return_immediately": True}
        )
        assert not empty.received_messages

    with pytest.warns(DeprecationWarning, match="return_immediately"):
        await asyncio.to_thread(story)


async def test_nack_gives_the_message_back(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """A deadline set to 0 gives the message back; the attempt is reported where there is a dead-letter policy."""

    def story() -> None:
        publisher.create_topic(name="projects/p/topics/dead")
        make(publisher, subscriber, dead_letter_policy={"dead_letter_topic": "projects/p/topics/dead"})
        publisher.publish(TOPIC, b"reading").result(10)
        for attempt in (1, 2):
            (received,) = subscriber.pull(subscription=SUBSCRIPTION, max_messages=1).received_messages
            assert received.delivery_attempt == attempt
            subscriber.modify_ack_deadline(
                subscription=SUBSCRIPTION, ack_ids=[received.ack_id], ack_deadline_seconds=0
            )

    await asyncio.to_thread(story)


async def test_streaming_pull_delivers_everything(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient, broker: EmbeddedBroker
) -> None:
    """A streaming subscriber with tight flow control gets every message and acks it; a nacked one is redelivered."""
    seen: dict[bytes, int] = {}
    done = threading.Event()

    def on_message(message: pubsub_v1.subscriber.message.Message) -> None:
        seen[message.data] = seen.get(message.data, 0) + 1
        if message.data == b"7" and seen[message.data] == 1:
            message.nack()
        else:
            message.ack()
        if len(seen) == 300 and seen[b"7"] == 2:
            done.set()

    def story() -> None:
        make(publisher, subscriber)
        flow = pubsub_v1.types.FlowControl(max_messages=20)
        streaming = subscriber.subscribe(SUBSCRIPTION, on_message, flow_control=flow)
        for future in [publisher.publish(TOPIC, str(number).encode()) for number in range(300)]:
            future.result(10)
        assert done.wait(20)
        streaming.cancel()
        streaming.result(10)

    await asyncio.to_thread(story)
    standing = broker.catalogue.standings()[SUBSCRIPTION]
    assert standing.acked == 300
    assert standing.nacked == 1


async def test_streaming_pull_keeps_order(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """With ordering on, a key's messages reach a streaming subscriber in the order of their publishing."""
    seen: list[bytes] = []
    done = threading.Event()

    def on_message(message: pubsub_v1.subscriber.message.Message) -> None:
        seen.append(message.data)
        message.ack()
        if len(seen) == 50:
            done.set()

    def story() -> None:
        make(publisher, subscriber, enable_message_ordering=True)
        for number in range(50):
            publisher.publish(TOPIC, str(number).encode(), ordering_key="k")
        streaming = subscriber.subscribe(SUBSCRIPTION, on_message)
        assert done.wait(20)
        streaming.cancel()
        streaming.result(10)

    await asyncio.to_thread(story)
    assert seen == [str(number).encode() for number in range(50)]


async def test_deleting_ends_a_stream(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """A streaming subscriber hears NOT_FOUND when its subscription is deleted."""

    def story() -> None:
        make(publisher, subscriber)
        streaming = subscriber.subscribe(SUBSCRIPTION, lambda message: message.ack())
        subscriber.delete_subscription(subscription=SUBSCRIPTION)
        with pytest.raises(exceptions.NotFound, match="does not exist"):
            streaming.result(10)

    await asyncio.to_thread(story)


async def test_turning_to_push_ends_a_stream(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """A streaming subscriber hears FAILED_PRECONDITION when its subscription is turned to push, and when it comes later."""

    def story() -> None:
        make(publisher, subscriber)
        streaming = subscriber.subscribe(SUBSCRIPTION, lambda message: message.ack())
        publisher.publish(TOPIC, b"reading").result(10)
        push = types.PushConfig(push_endpoint="http://127.0.0.1:9/")
        subscriber.modify_push_config(subscription=SUBSCRIPTION, push_config=push)
        with pytest.raises(exceptions.FailedPrecondition, match="pushes"):
            streaming.result(10)
        with pytest.raises(exceptions.FailedPrecondition, match="pushes"):
            subscriber.subscribe(SUBSCRIPTION, lambda message: message.ack()).result(10)

    await asyncio.to_thread(story)


async def read_on(call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
    while await call.read():
        pass


@pytest.mark.parametrize("ending", ["delete", "push"])
async def test_a_stream_that_cannot_write_ends_with_its_subscription(
    broker: EmbeddedBroker, publisher: pubsub_v1.PublisherClient, ending: str
) -> None:
    """A stream whose client reads nothing, so that the broker waits to write, ends with its status all the same."""
    catalogue, big = broker.catalogue, b"x" * 1_000_000
    await catalogue.create_topic(proto.Topic(name=TOPIC))
    await catalogue.create_subscription(proto.Subscription(name=SUBSCRIPTION, topic=TOPIC))
    await asyncio.to_thread(lambda: [publisher.publish(TOPIC, big).result(10) for _ in range(30)])
    async with grpc.aio.insecure_channel(
        broker.address, options=[("grpc.max_receive_message_length", -1)]
    ) as channel:
        call = channel.stream_stream("/google.pubsub.v1.Subscriber/StreamingPull")()
        asked = types.StreamingPullRequest(subscription=SUBSCRIPTION, stream_ack_deadline_seconds=10)
        await call.write(types.StreamingPullRequest.serialize(asked))
        assert await call.read()
        if ending == "delete":
            await catalogue.delete_subscription(SUBSCRIPTION)
        else:
            await catalogue.modify_push_config(SUBSCRIPTION, proto.Subscription(push_config=PUSH).push_config)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await read_on(call)
        expected = {"delete": grpc.StatusCode.NOT_FOUND, "push": grpc.StatusCode.FAILED_PRECONDITION}
        assert ended.value.code() is expected[ending]


async def test_pages_while_deleting_show_everything(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """A client that deletes each topic and subscription as it lists them, three a page, leaves none behind."""

    def story() -> None:
        names = [f"projects/p/topics/topic-{number:03}" for number in range(20)]
        for name in names:
            publisher.create_topic(name=name)
            subscriber.create_subscription(name=name.replace("topics", "subscriptions"), topic=names[0])
        of_topic = publisher.list_topic_subscriptions({"topic": names[0], "page_size": 3})
        for number, each in enumerate(of_topic):
            assert each == names[number].replace("topics", "subscriptions")
            if number % 2:
                subscriber.delete_subscription(subscription=each)
        for subscription in subscriber.list_subscriptions({"project": "projects/p", "page_size": 3}):
            subscriber.delete_subscription(subscription=subscription.name)
        seen = []
        for topic in publisher.list_topics({"project": "projects/p", "page_size": 3}):
            seen.append(topic.name)
            publisher.delete_topic(topic=topic.name)
        assert seen == names
        assert list(publisher.list_topics(project="projects/p")) == []
        assert list(subscriber.list_subscriptions(project="projects/p")) == []

    await asyncio.to_thread(story)


async def test_asyncio_publisher(broker: EmbeddedBroker) -> None:
    """The asyncio client publishes at the limit of 1,000 messages; one more is refused with a sentence."""
    async with grpc.aio.insecure_channel(broker.address) as channel:
        client = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
        await client.create_topic(name=TOPIC)
        messages = [types.PubsubMessage(data=b"x") for _ in range(1_001)]
        answer = await client.publish(topic=TOPIC, messages=messages[:1_000])
        assert len(set(answer.message_ids)) == 1_000
        with pytest.raises(exceptions.InvalidArgument, match="1001 messages, at most 1000"):
            await client.publish(topic=TOPIC, messages=messages)
        with pytest.raises(exceptions.InvalidArgument, match="Message 0 is empty"):
            await client.publish(topic=TOPIC, messages=[types.PubsubMessage()])
        big = types.PubsubMessage(data=b"x" * 10_000_001)
        with pytest.raises(exceptions.InvalidArgument, match="10000001 bytes"):
            await client.publish(topic=TOPIC, messages=[big])


async def test_resources_live_and_die(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """Topics and subscriptions are created once, found, listed, changed and deleted, as by Google."""

    def story() -> None:
        make(publisher, subscriber)
        with pytest.raises(exceptions.AlreadyExists):
            publisher.create_topic(name=TOPIC)
        with pytest.raises(exceptions.AlreadyExists):
            subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        with pytest.raises(exceptions.NotFound):
            subscriber.create_subscription(
                name="projects/p/subscriptions/other", topic="projects/p/topics/none"
            )
        assert publisher.get_topic(topic=TOPIC).name == TOPIC
        assert [topic.name for topic in publisher.list_topics(project="projects/p")] == [TOPIC]
        assert list(publisher.list_topic_subscriptions(topic=TOPIC)) == [SUBSCRIPTION]
        listed = subscriber.list_subscriptions({"project": "projects/p", "page_size": 1})
        assert [each.name for each in listed] == [SUBSCRIPTION]
        changed = subscriber.update_subscription(
            subscription={"name": SUBSCRIPTION, "ack_deadline_seconds": 60},
            update_mask=field_mask_pb2.FieldMask(paths=["ack_deadline_seconds"]),
        )
        assert changed.ack_deadline_seconds == 60
        push = types.PushConfig(push_endpoint="http://127.0.0.1:9/")
        subscriber.modify_push_config(subscription=SUBSCRIPTION, push_config=push)
        with pytest.raises(exceptions.FailedPrecondition):
            subscriber.pull(subscription=SUBSCRIPTION, max_messages=1)
        publisher.delete_topic(topic=TOPIC)
        assert subscriber.get_subscription(subscription=SUBSCRIPTION).topic == "_deleted-topic_"
        with pytest.raises(exceptions.NotFound):
            publisher.publish(TOPIC, b"x").result(10)
        subscriber.delete_subscription(subscription=SUBSCRIPTION)
        with pytest.raises(exceptions.NotFound):
            subscriber.get_subscription(subscription=SUBSCRIPTION)

    await asyncio.to_thread(story)


PUSH = {"push_endpoint": "http://127.0.0.1:9/"}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"filter": "attributes.a = b"}, exceptions.InvalidArgument),
        ({"enable_exactly_once_delivery": True, "push_config": PUSH}, exceptions.InvalidArgument),
        ({"bigquery_config": {"table": "p.d.t"}}, exceptions.MethodNotImplemented),
        ({"cloud_storage_config": {"bucket": "b"}}, exceptions.MethodNotImplemented),
        (
            {"expiration_policy": {"ttl": duration_pb2.Duration(seconds=86_399)}},
            exceptions.InvalidArgument,
        ),
        ({"message_transforms": [{"disabled": True}]}, exceptions.MethodNotImplemented),
        ({"ack_deadline_seconds": 9}, exceptions.InvalidArgument),
        ({"ack_deadline_seconds": 601}, exceptions.InvalidArgument),
        ({"push_config": {"push_endpoint": "ftp://x/"}}, exceptions.InvalidArgument),
        ({"push_config": {"no_wrapper": {}}}, exceptions.InvalidArgument),
        ({"push_config": {**PUSH, "oidc_token": {"audience": "a"}}}, exceptions.InvalidArgument),
        (
            {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 4}},
            exceptions.InvalidArgument,
        ),
        ({"dead_letter_policy": {"dead_letter_topic": "projects/p/topics/none"}}, exceptions.NotFound),
        (
            {"retry_policy": {"minimum_backoff": duration_pb2.Duration(seconds=601)}},
            exceptions.InvalidArgument,
        ),
        ({"message_retention_duration": duration_pb2.Duration(seconds=1)}, exceptions.InvalidArgument),
    ],
)
async def test_honours_or_refuses(
    publisher: pubsub_v1.PublisherClient,
    subscriber: pubsub_v1.SubscriberClient,
    fields: dict[str, object],
    error: type[Exception],
) -> None:
    """Fields that the broker does not honour, or Google would refuse, are refused and leave nothing behind."""

    def story() -> None:
        publisher.create_topic(name=TOPIC)
        with pytest.raises(error):
            subscriber.create_subscription({"name": SUBSCRIPTION, "topic": TOPIC, **fields})
        assert list(publisher.list_topic_subscriptions(topic=TOPIC)) == []

    await asyncio.to_thread(story)


async def test_lists_of_what_is_not_offered_are_empty(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient, broker: EmbeddedBroker
) -> None:
    """A client that lists snapshots and schemas before it cleans up finds none."""

    def story() -> None:
        make(publisher, subscriber)
        assert list(subscriber.list_snapshots(project="projects/p")) == []
        assert list(publisher.list_topic_snapshots(topic=TOPIC)) == []
        schemas = pubsub_v1.SchemaServiceClient(
            transport=SchemaServiceGrpcTransport(channel=grpc.insecure_channel(broker.address))
        )
        assert list(schemas.list_schemas(parent="projects/p")) == []
        schemas.transport.close()

    await asyncio.to_thread(story)


async def test_what_is_not_offered_says_so(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
) -> None:
    """Snapshots, seeks to one, and IAM answer UNIMPLEMENTED with their name."""

    def story() -> None:
        make(publisher, subscriber)
        with pytest.raises(exceptions.MethodNotImplemented, match="has no snapshots: seek to a time"):
            subscriber.seek({"subscription": SUBSCRIPTION, "snapshot": "projects/p/snapshots/s"})
        with pytest.raises(
            exceptions.MethodNotImplemented,
            match=r"does not offer google\.pubsub\.v1\.Subscriber/CreateSnapshot",
        ):
            subscriber.create_snapshot(name="projects/p/snapshots/s", subscription=SUBSCRIPTION)
        with pytest.raises(exceptions.MethodNotImplemented, match="GetIamPolicy"):
            publisher.get_iam_policy({"resource": TOPIC})

    await asyncio.to_thread(story)
