"""Deleted and outdated messages are freed without waiting for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.pubsub_v1 import types

from rookery.broker.delivery.dispatcher import Dispatcher
from rookery.broker.delivery.push import Endpoint, Identity, Pusher
from rookery.broker.delivery.token_signer import TokenSigner
from rookery.broker.scheduling.messages import Delivery, MessageDraft, StoredMessage
from rookery.broker.scheduling.ordering import Holder
from rookery.broker.scheduling.rules import DeadLetterRule, Rules
from rookery.broker.testing import RecordingEndpoint
from rookery.broker.topics.topic_router import TopicRouter

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

    from rookery.broker.scheduling.subscription import Subscription
    from rookery.broker.server import EmbeddedBroker

TOPIC = "projects/p/topics/work"
SUBSCRIPTION = "projects/p/subscriptions/work"


class _Attributes(dict[str, str]):
    """Attributes that can be watched; a message itself has no slot for a weak reference."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Let reference counting alone free what it can."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _offered(router: TopicRouter, subscription: Subscription, count: int) -> list[weakref.ref[Any]]:
    """Publish messages, half of them with a key; gives weak references to them and to their subscription."""
    watched: list[weakref.ref[Any]] = [weakref.ref(subscription)]
    for number in range(count):
        attributes = _Attributes(number=str(number))
        watched.append(weakref.ref(attributes))
        router.publish(TOPIC, [MessageDraft(b"x", attributes, "k" if number % 2 else "")], 0.0)
    return watched


def _alive(watched: list[weakref.ref[Any]]) -> list[object]:
    return [each() for each in watched if each() is not None]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("ends", ["acked", "left", "dropped"])
def test_an_unreferenced_subscription_is_gone_at_once(ends: str) -> None:
    """Acked, left lying, or outdated: neither the subscription nor a message of it waits for the collector."""
    router = TopicRouter()
    router.add_topic(TOPIC)
    rules = Rules(ordered=True, retention=600, dead_letter=DeadLetterRule(TOPIC))
    subscription = router.subscribe(SUBSCRIPTION, TOPIC, rules)
    watched = _offered(router, subscription, 20)
    taken = subscription.take(1, 7, holder=Holder())
    subscription.nack(taken[2].ack_id, 1)
    if ends == "acked":
        while ids := [each.ack_id for each in subscription.take(20)]:
            assert all(subscription.ack(ack_id, 20) for ack_id in ids)
    if ends == "dropped":
        subscription.tick(700)
    taken.clear()
    if ends != "left":
        assert _alive(watched[1:]) == []
    router.unsubscribe(SUBSCRIPTION, TOPIC)
    subscription.clear()
    del subscription
    assert _alive(watched) == []


async def _status(rest: aiohttp.ClientSession, path: str) -> int:
    async with rest.post(path, json={"maxMessages": 1}) as answer:
        return answer.status


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("reader", ["none", "push", "failing push", "pull", "waiting pull", "stream"])
async def test_a_deleted_subscription_is_gone_at_once(
    broker: EmbeddedBroker,
    rest: aiohttp.ClientSession,
    endpoint: RecordingEndpoint,
    reset: bool,  # noqa: FBT001  a parameter of the test
    reader: str,
) -> None:
    """However it was read, by DELETE or by /reset: the subscription and its messages are freed by reference counting."""
    url = endpoint.url if reader == "push" else "http://127.0.0.1:9/"
    push = {"pushConfig": {"pushEndpoint": url}} if "push" in reader else {}
    async with rest.put(f"/v1/{TOPIC}", json={}):
        pass
    body = {"topic": TOPIC, "enableMessageOrdering": True, **push}
    async with rest.put(f"/v1/{SUBSCRIPTION}", json=body) as answer:
        assert answer.status == 200
    endpoint.gate.clear()
    machine = broker.catalogue.dispatcher(SUBSCRIPTION).subscription
    watched = _offered(broker.catalogue._router, machine, 50)
    async with grpc.aio.insecure_channel(broker.address) as channel:
        if reader == "push":
            await endpoint.wait_for(3)
        if reader == "pull":
            async with rest.post(f"/v1/{SUBSCRIPTION}:pull", json={"maxMessages": 10}) as answer:
                assert len((await answer.json())["receivedMessages"]) == 10
        if reader == "waiting pull":
            async with rest.post(f"/v1/{SUBSCRIPTION}:pull", json={"maxMessages": 100}) as answer:
                assert len((await answer.json())["receivedMessages"]) == 50
            waiting = asyncio.create_task(_status(rest, f"/v1/{SUBSCRIPTION}:pull"))
            while not broker.catalogue.dispatcher(SUBSCRIPTION)._pulls:  # noqa: ASYNC110  no event says that a request has come
                await asyncio.sleep(0.001)  # no event, see above
        if reader == "stream":
            call = channel.stream_stream("/google.pubsub.v1.Subscriber/StreamingPull")(
                request_iterator=None, wait_for_ready=True
            )
            asked = types.StreamingPullRequest(subscription=SUBSCRIPTION, stream_ack_deadline_seconds=10)
            await call.write(types.StreamingPullRequest.serialize(asked))
            assert await call.read()
        del machine
        async with rest.post("/reset") if reset else rest.delete(f"/v1/{SUBSCRIPTION}") as answer:
            assert answer.status == 200
        if reader == "waiting pull":
            assert await waiting == 404
        if reader == "stream":
            assert await call.code() is grpc.StatusCode.NOT_FOUND
        async with asyncio.timeout(10):
            # The loop's next rounds, and gRPC's thread, let go of the requests in progress.
            while _alive(watched):  # noqa: ASYNC110  no event says that something is freed
                await asyncio.sleep(0.001)  # no event, see above


async def test_outdated_messages_are_dropped_without_a_pull() -> None:
    """A subscription without a reader lets go of its messages when their retention is over, by its own clock."""
    router = TopicRouter()
    router.add_topic(TOPIC)
    machine = router.subscribe(SUBSCRIPTION, TOPIC, Rules(retention=0.05))
    clock = asyncio.get_running_loop().time
    async with Pusher(TokenSigner(clock)) as pusher:
        dispatcher = Dispatcher(SUBSCRIPTION, machine, endpoint=None, pusher=pusher, clock=clock)
        dispatcher.start()
        router.publish(TOPIC, [MessageDraft(b"x")] * 10, clock())
        async with asyncio.timeout(20):
            while machine.backlog:  # noqa: ASYNC110  no event says that a message is dropped
                await asyncio.sleep(0.01)  # no event, see above
        await dispatcher.close()
    assert machine.standing().dropped == 10


def test_outdated_messages_leave_out_of_the_hands_of_a_reader_too() -> None:
    """Messages that outlive their retention while delivered, or behind such a message of their key, are dropped."""
    router = TopicRouter()
    router.add_topic(TOPIC)
    machine = router.subscribe(SUBSCRIPTION, TOPIC, Rules(ordered=True, retention=600))
    router.publish(TOPIC, [MessageDraft(b"x", None, "k")] * 4, 0.0)
    first, second, *_ = machine.take(0, 3, deadline=10_000)
    machine.ack(second.ack_id, 1)
    router.publish(TOPIC, [MessageDraft(b"y", None, "k"), MessageDraft(b"z")], 300.0)
    machine.tick(600)
    assert machine.standing().dropped == 3
    assert not machine.ack(first.ack_id, 601)
    assert [each.message.data for each in machine.take(601)] == [b"y", b"z"]
    assert machine.backlog == 0


async def test_tokens_and_connections_of_endpoints_gone_by_are_let_go() -> None:
    """A thousand endpoints, one after the other, leave no thousand tokens and callers."""
    signer = TokenSigner(lambda: 0.0)
    for number in range(1_100):
        signer._sign = lambda identity, _: identity.audience  # type: ignore[method-assign]  # a real one takes a millisecond
        assert signer.token(Identity("me", str(number))) == str(number)
    assert len(signer._cache) <= 1_000
    async with Pusher(signer) as pusher, RecordingEndpoint() as endpoint:
        delivery = Delivery("1", StoredMessage("1", b"x", None, "", 0.0), 1)
        for number in range(1, 255):
            await pusher.post(delivery, Endpoint(url=f"http://127.0.0.{number}:9/", subscription="s"))
        assert await pusher.post(delivery, Endpoint(url=endpoint.url, subscription="s"))
        assert len(pusher._clients) <= 100
