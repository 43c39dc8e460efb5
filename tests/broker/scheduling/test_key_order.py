"""The order of a key with any readers: one reader at a time while anything is outstanding, and no gap after a loss."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from rookery.broker.scheduling.backoff import RetryPolicy
from rookery.broker.scheduling.messages import Delivery, StoredMessage
from rookery.broker.scheduling.ordering import Holder
from rookery.broker.scheduling.rules import Rules
from rookery.broker.scheduling.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rookery.broker.server import EmbeddedBroker

KEYS = ("", "a", "a", "b")
TOPIC = "projects/p/topics/work"
SUBSCRIPTION = "projects/p/subscriptions/work"


@dataclass(slots=True)
class _Key:
    """Model of the promise to the readers of a key, not of the code."""

    messages: list[str] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    out: dict[int, tuple[str, object]] = field(default_factory=dict)
    """The outstanding positions: ack id and reader of each."""
    following: int = 0
    lost: bool = False

    def delivered(self, delivery: Delivery, reader: object) -> None:
        position = self.messages.index(delivery.message.message_id)
        if self.out:
            assert {held_by for _, held_by in self.out.values()} == {reader}, "went to another reader"
            assert not self.lost, "went out before what is outstanding had ended, after a loss"
        assert position == self.following, "left its order"
        self.out[position] = (delivery.ack_id, reader)
        self.following = position + 1

    def acked(self, delivery: Delivery) -> None:
        position = self.messages.index(delivery.message.message_id)
        del self.out[position]
        self.ended.add(position)
        self._rest()

    def failed(self, delivery: Delivery) -> None:
        """Begin again with this one: later deliveries are redelivered, acked or not."""
        position = self.messages.index(delivery.message.message_id)
        for later in range(position, len(self.messages)):
            self.out.pop(later, None)
            self.ended.discard(later)
        self.following = position
        self.lost = True
        self._rest()

    def is_out(self, delivery: Delivery) -> bool:
        return any(ack_id == delivery.ack_id for ack_id, _ in self.out.values())

    def _rest(self) -> None:
        if not self.out:
            self.lost = False
            self.following = min(set(range(len(self.messages) + 1)) - self.ended)


class _NoKey(_Key):
    """Messages without a key: in no order."""

    def delivered(self, delivery: Delivery, reader: object) -> None: ...
    def acked(self, delivery: Delivery) -> None: ...
    def failed(self, delivery: Delivery) -> None: ...


class Readers(RuleBasedStateMachine):
    """Streams and pulls that come, ack, nack, are late and leave, and a subscription that turns to push and back."""

    @initialize(
        retry=st.sampled_from([None, RetryPolicy(0.5, 4.0)]),
        push=st.booleans(),
    )
    def begin(self, retry: RetryPolicy | None, push: bool) -> None:  # noqa: FBT001  drawn
        """Draw a subscription with ordering."""
        self.subscription = Subscription(Rules(ordered=True, push=push, retry=retry))
        self.now = 100.0
        self.ids = count()
        self.keys = {"": _NoKey(), "a": _Key(), "b": _Key()}
        self.streams = [Holder(), Holder(max_messages=2)]
        self.held: dict[str, tuple[Delivery, float]] = {}

    @rule(key=st.sampled_from(KEYS), many=st.integers(1, 4))
    def publish(self, key: str, many: int) -> None:
        """Offer some messages of one key."""
        for _ in range(many):
            message = StoredMessage(str(next(self.ids)), b"x", None, key, self.now)
            self.keys[key].messages.append(message.message_id)
            self.subscription.offer([message], self.now)

    @rule(limit=st.integers(1, 3))
    def pull(self, limit: int) -> None:
        """Pull once; no later pull is the same reader."""
        self.came(self.subscription.take(self.now, limit), object())

    @rule(data=st.data(), limit=st.integers(1, 4), seconds=st.sampled_from([10.0, 30.0]))
    def stream(self, data: st.DataObject, limit: int, seconds: float) -> None:
        """Let one stream have what it may."""
        holder = data.draw(st.sampled_from(self.streams))
        if not self.subscription.rules.push:
            taken = self.subscription.take(self.now, limit, holder=holder, deadline=seconds)
            self.came(taken, holder, seconds)

    @rule(data=st.data(), most=st.integers(0, 3))
    def replace_stream(self, data: st.DataObject, most: int) -> None:
        """Close a stream with all that it holds, and open another one."""
        self.streams.remove(data.draw(st.sampled_from(self.streams)))
        self.streams.append(Holder(max_messages=most))

    @rule()
    def turn(self) -> None:
        """Turn from pull to push, or back."""
        self.subscription.rules = replace(self.subscription.rules, push=not self.subscription.rules.push)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        """End one delivery well, in whatever order."""
        delivery, _ = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        if self.subscription.ack(delivery.ack_id, self.now):
            self.key_of(delivery).acked(delivery)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def nack(self, data: st.DataObject) -> None:
        """End one delivery badly."""
        delivery, _ = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        if self.subscription.nack(delivery.ack_id, self.now):
            self.key_of(delivery).failed(delivery)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        """Let one delivery last longer than its neighbours."""
        ack_id = data.draw(st.sampled_from(sorted(self.held)))
        delivery, _ = self.held[ack_id]
        if self.subscription.extend(ack_id, 60, self.now):
            self.held[ack_id] = (delivery, self.now + 60)

    @rule(seconds=st.sampled_from([0.2, 5.0, 11.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass; what is late is lost."""
        self.now += seconds
        late = [ack_id for ack_id, (_, until) in self.held.items() if until <= self.now]
        for ack_id in sorted(late, key=lambda each: (self.held[each][1], int(each))):
            delivery, _ = self.held.pop(ack_id)
            if self.key_of(delivery).is_out(delivery):
                self.key_of(delivery).failed(delivery)
        self.subscription.tick(self.now)

    def key_of(self, delivery: Delivery) -> _Key:
        return self.keys[delivery.message.ordering_key]

    def came(self, deliveries: Iterable[Delivery], reader: object, seconds: float = 10.0) -> None:
        """Check each delivery against the model; two pushes at once are two readers."""
        for delivery in deliveries:
            self.held[delivery.ack_id] = (delivery, self.now + seconds)
            self.key_of(delivery).delivered(delivery, object() if self.subscription.rules.push else reader)

    def teardown(self) -> None:
        """After any history, one reader that acks everything gets all that is left, in order."""
        if not hasattr(self, "subscription"):
            return
        for _ in range(40 * next(self.ids) + 200):
            if not self.subscription.backlog and not self.subscription.outstanding:
                break
            taken = self.subscription.take(self.now)
            self.came(taken, object())
            for delivery in taken:
                assert self.subscription.ack(delivery.ack_id, self.now)
                self.key_of(delivery).acked(delivery)
                del self.held[delivery.ack_id]
            if not taken:
                wake_at = self.subscription.wake_at(self.now)
                assert wake_at is not None, "something is left that never goes out"
                self.wait(max(0.0, wake_at - self.now))
        assert self.subscription.backlog == self.subscription.outstanding == 0
        assert all(len(self.keys[name].ended) == len(self.keys[name].messages) for name in ("a", "b"))
        assert self.subscription._key_queues == {}


Readers.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestReaders = Readers.TestCase


def taken(subscription: Subscription, now: float = 0.0, limit: int = 10, **reader: Holder) -> list[str]:
    return [each.message.message_id for each in subscription.take(now, limit, **reader)]


def offered(count: int, rules: Rules) -> Subscription:
    subscription = Subscription(rules)
    for number in range(1, count + 1):
        subscription.offer([StoredMessage(str(number), b"x", None, "k", 0.0)], 0.0)
    return subscription


def test_a_pull_brings_nothing_of_a_key_while_an_earlier_pull_has_some() -> None:
    """Messages 1, 2, 3, two pulls of one, nothing acknowledged: 1, then nothing; after its ack 2."""
    subscription = offered(3, Rules(ordered=True))
    (first,) = subscription.take(0, 1)
    assert first.message.message_id == "1"
    assert taken(subscription) == []
    subscription.ack(first.ack_id, 0)
    assert taken(subscription, limit=1) == ["2"]


def test_a_key_stays_with_its_stream_until_all_of_it_has_ended() -> None:
    """A second stream gets nothing of a key while the first one has any, however full that one is."""
    subscription = offered(4, Rules(ordered=True))
    one, other = Holder(max_messages=2), Holder()
    first, second = subscription.take(0, holder=one)
    assert taken(subscription, holder=other) == []
    subscription.ack(second.ack_id, 0)
    assert taken(subscription, holder=other) == []
    assert taken(subscription, holder=one) == ["3"]
    assert subscription.ack(first.ack_id, 0)
    assert taken(subscription, holder=other) == []


def test_a_key_of_a_closed_stream_begins_again_with_what_was_not_acked() -> None:
    """A stream that replaces another waits until its deliveries end, and then gets them from the first one on."""
    subscription = offered(4, Rules(ordered=True))
    first, *_ = subscription.take(0, 3, holder=Holder(), deadline=10)
    subscription.ack(first.ack_id, 1)
    replacement = Holder()
    assert taken(subscription, 9.9, holder=replacement) == []
    assert taken(subscription, 10, holder=replacement) == ["2", "3", "4"]


def test_after_a_loss_a_key_waits_for_what_is_outstanding_before_it() -> None:
    """A nacked message is redelivered only when those before it have ended, so that one of them can still be first."""
    subscription = offered(3, Rules(ordered=True))
    reader = Holder()
    first, second, _ = subscription.take(0, holder=reader)
    subscription.nack(second.ack_id, 0)
    assert taken(subscription, holder=reader) == []
    subscription.nack(first.ack_id, 0)
    assert taken(subscription, holder=reader) == ["1", "2", "3"]


def test_a_key_that_is_turned_from_push_to_pull_waits_for_the_push() -> None:
    """A puller gets nothing of a key of which a push is in flight."""
    subscription = offered(1, Rules(ordered=True, push=True))
    (pushed,) = subscription.take(0)
    subscription.rules = Rules(ordered=True)
    subscription.offer([StoredMessage("2", b"x", None, "k", 0.0)], 0.0)
    assert taken(subscription) == []
    subscription.ack(pushed.ack_id, 0)
    assert taken(subscription) == ["2"]


class _Book:
    """Messages seen by the subscribers of a test, in the order of their callbacks."""

    def __init__(self, messages: int) -> None:
        self.seen: defaultdict[str, list[int]] = defaultdict(list)
        self.by: defaultdict[int, int] = defaultdict(int)
        self.done = threading.Event()
        self._left = messages
        self._lock = threading.Lock()

    def note(self, reader: int, message: pubsub_v1.subscriber.message.Message) -> None:
        with self._lock:
            self.seen[message.ordering_key].append(int(message.data))
            self.by[reader] += 1
            self._left -= 1
            if not self._left:
                self.done.set()
        message.ack()


# Google's client gives one message of a key to its callback in about ten milliseconds.
@pytest.mark.parametrize(("messages", "keys"), [(2_000, 50), (200, 1)])
async def test_messages_over_two_streams_of_googles_client_keep_their_order(
    publisher: pubsub_v1.PublisherClient, broker: EmbeddedBroker, messages: int, keys: int
) -> None:
    """Two streams of one subscription see each key's messages once and in order, whichever of them gets which."""
    book = _Book(messages)

    def story() -> None:
        publisher.create_topic(name=TOPIC)
        readers = [pubsub_v1.SubscriberClient(credentials=AnonymousCredentials()) for _ in range(2)]
        readers[0].create_subscription(
            {"name": SUBSCRIPTION, "topic": TOPIC, "enable_message_ordering": True}
        )
        flow = pubsub_v1.types.FlowControl(max_messages=10)
        streams = [
            reader.subscribe(SUBSCRIPTION, partial(book.note, number), flow_control=flow)
            for number, reader in enumerate(readers)
        ]
        published = [
            publisher.publish(TOPIC, str(number).encode(), ordering_key=f"k{number % keys}")
            for number in range(messages)
        ]
        for each in published:
            each.result(30)
        assert book.done.wait(50)
        for stream, reader in zip(streams, readers, strict=True):
            stream.cancel()
            stream.result(10)
            reader.close()

    await asyncio.to_thread(story)
    assert dict(book.seen) == {f"k{key}": list(range(key, messages, keys)) for key in range(keys)}
    assert broker.catalogue.standings()[SUBSCRIPTION].acked == messages


async def test_a_replaced_reader_goes_on_in_order(publisher: pubsub_v1.PublisherClient) -> None:
    """A reader that is closed in the middle leaves no gap for the next one: a message may be redelivered, none too early."""
    first, second = _Book(50), _Book(1)

    def story() -> None:
        publisher.create_topic(name=TOPIC)
        with pubsub_v1.SubscriberClient(credentials=AnonymousCredentials()) as reader:
            reader.create_subscription(
                {"name": SUBSCRIPTION, "topic": TOPIC, "enable_message_ordering": True}
            )
            for number in range(200):
                publisher.publish(TOPIC, str(number).encode(), ordering_key="k")
            few = pubsub_v1.types.FlowControl(max_messages=20)
            stream = reader.subscribe(SUBSCRIPTION, partial(first.note, 0), flow_control=few)
            assert first.done.wait(20)
            stream.cancel()
            stream.result(20)
            other = reader.subscribe(SUBSCRIPTION, partial(until_last, second))
            assert second.done.wait(50)
            other.cancel()
            other.result(20)

    def until_last(book: _Book, message: pubsub_v1.subscriber.message.Message) -> None:
        book.seen["k"].append(int(message.data))
        message.ack()
        if int(message.data) == 199:
            book.done.set()

    await asyncio.to_thread(story)
    seen = first.seen["k"] + second.seen["k"]
    furthest = -1
    for number in seen:
        assert number <= furthest + 1, f"{number} came before {furthest + 1}"
        furthest = max(furthest, number)
    assert furthest == 199
