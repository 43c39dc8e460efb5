"""One subscription's rules, each on its own, under a clock of the test's."""

from __future__ import annotations

from collections import Counter

from rookery.broker.faults import DeliveryFaults, FaultShares
from rookery.broker.scheduling.backoff import RetryPolicy
from rookery.broker.scheduling.messages import Delivery, MessageDraft, StoredMessage
from rookery.broker.scheduling.ordering import Holder
from rookery.broker.scheduling.retention import ENOUGH_SCHEDULED
from rookery.broker.scheduling.rules import DeadLetterRule, Rules
from rookery.broker.scheduling.subscription import Subscription
from rookery.broker.topics.topic_router import TopicRouter


def offered(subscription: Subscription, count: int, *, key: str = "", now: float = 0.0) -> None:
    for number in range(count):
        subscription.offer([StoredMessage(f"{key}{number}", b"12345", None, key, now)], now)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message.message_id for delivery in deliveries]


def test_oldest_first() -> None:
    """Messages go out in the order of their publishing, and a retried one goes before newer ones."""
    subscription = Subscription(Rules())
    offered(subscription, 4)
    first = subscription.take(0, 2)
    assert ids(first) == ["0", "1"]
    subscription.nack(first[1].ack_id, 1)
    assert ids(subscription.take(1)) == ["1", "2", "3"]


def test_expires_at_the_deadline() -> None:
    """A delivery that is not acked within the ack deadline is made again, as a further attempt."""
    subscription = Subscription(Rules(ack_deadline=10))
    offered(subscription, 1)
    subscription.take(0)
    assert subscription.wake_at(0) == 10
    assert subscription.take(9.9) == []
    assert [delivery.attempt for delivery in subscription.take(10)] == [2]


def test_extension_holds_the_message() -> None:
    """An extended delivery lasts until its new deadline, and its ack still counts."""
    subscription = Subscription(Rules())
    offered(subscription, 1)
    (delivery,) = subscription.take(0)
    subscription.extend(delivery.ack_id, 60, 9)
    assert subscription.take(68) == []
    assert subscription.ack(delivery.ack_id, 68)
    assert subscription.wake_at(68) is None


def test_retry_policy_delays_each_attempt() -> None:
    """With a retry policy a failed message waits min, then twice that, up to max."""
    subscription = Subscription(Rules(retry=RetryPolicy(10, 25)))
    offered(subscription, 1)
    now, waits = 0.0, []
    for _ in range(4):
        (delivery,) = subscription.take(now)
        subscription.nack(delivery.ack_id, now)
        wake = subscription.wake_at(now)
        assert wake is not None
        waits.append(wake - now)
        now = wake
    assert waits == [10, 20, 25, 25]


def test_push_backoff_holds_the_whole_subscription() -> None:
    """A nack of one message stops the pushes of all others for the backoff."""
    subscription = Subscription(Rules(push=True))
    offered(subscription, 50)
    first = subscription.take(0)
    subscription.nack(first[0].ack_id, 1)
    for delivery in first[1:]:
        subscription.ack(delivery.ack_id, 1)
    assert subscription.take(1.05) == []
    assert subscription.wake_at(1.05) == 1.1
    assert subscription.take(1.1)


def test_expiry_counts_as_push_failure() -> None:
    """A push without an answer within the deadline shrinks the window and starts the backoff."""
    subscription = Subscription(Rules(push=True))
    offered(subscription, 50)
    before = len(subscription.take(0))
    subscription.tick(10)
    assert subscription.window.size < before
    assert subscription.take(10) == []


def test_pull_knows_no_backoff() -> None:
    """A pull subscription gives a failed message back at once and is not slowed."""
    subscription = Subscription(Rules())
    offered(subscription, 3)
    taken = subscription.take(0)
    for delivery in taken:
        subscription.nack(delivery.ack_id, 0)
    assert ids(subscription.take(0)) == ids(taken)


def test_key_goes_one_at_a_time_by_push() -> None:
    """Push has one message of a key outstanding at a time; other keys go on."""
    subscription = Subscription(Rules(push=True, ordered=True))
    offered(subscription, 3, key="a")
    offered(subscription, 3, key="b")
    taken = subscription.take(0)
    assert ids(taken) == ["a0", "b0"]
    subscription.ack(taken[0].ack_id, 0)
    assert ids(subscription.take(0)) == ["a1"]


def test_nack_redelivers_all_later_of_the_key() -> None:
    """When a message of a key fails, all after it are redelivered in order, even acked ones."""
    subscription = Subscription(Rules(ordered=True))
    offered(subscription, 4, key="a")
    taken = subscription.take(0, 3)
    subscription.ack(taken[2].ack_id, 0)
    subscription.nack(taken[0].ack_id, 0)
    assert not subscription.ack(taken[1].ack_id, 0)
    again = subscription.take(0)
    assert ids(again) == ["a0", "a1", "a2", "a3"]
    subscription.ack(again[0].ack_id, 0)
    subscription.ack(again[1].ack_id, 0)
    subscription.nack(again[2].ack_id, 0)
    assert ids(subscription.take(0)) == ["a2", "a3"]


def test_waiting_key_blocks_no_other() -> None:
    """While a key waits for its retry, messages of other keys and without a key go on."""
    subscription = Subscription(Rules(ordered=True, retry=RetryPolicy(10, 10)))
    offered(subscription, 2, key="a")
    (first,) = subscription.take(0, 1)
    subscription.nack(first.ack_id, 0)
    offered(subscription, 1, key="b")
    offered(subscription, 1)
    assert ids(subscription.take(1)) == ["b0", "0"]
    assert ids(subscription.take(10)) == ["a0", "a1"]


def test_dead_letter_says_where_it_came_from() -> None:
    """After the last attempt a message moves to the dead-letter topic with Google's four attributes."""
    router = TopicRouter(epoch=1_700_000_000)
    for topic in ("work", "dead"):
        router.add_topic(f"projects/p/topics/{topic}")
    grave = router.subscribe("projects/p/subscriptions/grave", "projects/p/topics/dead", Rules())
    rules = Rules(dead_letter=DeadLetterRule("projects/p/topics/dead", 5))
    work = router.subscribe("projects/p/subscriptions/work", "projects/p/topics/work", rules)
    router.publish("projects/p/topics/work", [MessageDraft(b"reading", {"kind": "gull"})], 0.5)
    for attempt in range(1, 6):
        (delivery,) = work.take(attempt)
        assert delivery.attempt == attempt
        work.nack(delivery.ack_id, attempt)
    assert work.backlog == work.outstanding == 0
    (dead,) = grave.take(6)
    assert dead.message.data == b"reading"
    assert dead.message.attributes == {
        "kind": "gull",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "work",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2023-11-14T22:13:20.500Z",
    }


def test_keeps_what_the_dead_letter_topic_cannot_take() -> None:
    """Where the dead-letter topic is gone, a message is tried on rather than lost."""
    router = TopicRouter()
    router.add_topic("projects/p/topics/work")
    rules = Rules(dead_letter=DeadLetterRule("projects/p/topics/gone", 5))
    work = router.subscribe("projects/p/subscriptions/work", "projects/p/topics/work", rules)
    router.publish("projects/p/topics/work", [MessageDraft(b"reading")], 0)
    for attempt in range(1, 9):
        (delivery,) = work.take(0)
        assert delivery.attempt == attempt
        work.nack(delivery.ack_id, 0)


def test_dead_letter_of_a_key_lets_the_next_go() -> None:
    """A dead message of a key makes way for the key's next one."""
    subscription = Subscription(
        Rules(ordered=True, dead_letter=DeadLetterRule("projects/p/topics/dead", 5)),
        dead_letter=lambda *_: True,
    )
    offered(subscription, 2, key="a")
    for _ in range(5):
        (delivery,) = subscription.take(0, 1)
        subscription.nack(delivery.ack_id, 0)
    assert ids(subscription.take(0)) == ["a1"]


def test_retention_drops_the_outdated() -> None:
    """A message older than the retention is dropped, counted, and never delivered."""
    subscription = Subscription(Rules(retention=600))
    offered(subscription, 1)
    offered(subscription, 1, key="later", now=500)
    assert ids(subscription.take(700)) == ["later0"]
    assert subscription.standing().dropped == 1


def test_a_long_backlog_goes_out_whole_and_in_order() -> None:
    """Messages beyond those that are scheduled are counted, and follow in the order of their publishing, in one take too."""
    count = 2 * ENOUGH_SCHEDULED + 10
    subscription = Subscription(Rules())
    offered(subscription, count)
    assert (subscription.backlog, subscription.outstanding) == (count, 0)
    first = subscription.take(0, 3)
    assert ids(first) == ["0", "1", "2"]
    assert ids(subscription.take(0)) == [str(number) for number in range(3, count)]
    assert (subscription.backlog, subscription.outstanding) == (0, count)


def test_a_long_backlog_is_outdated_as_a_short_one() -> None:
    """Retention drops messages that were never scheduled, too; younger ones behind them stay."""
    subscription = Subscription(Rules(retention=600))
    offered(subscription, 2 * ENOUGH_SCHEDULED + 10)
    offered(subscription, 5, key="later", now=500)
    subscription.tick(700)
    assert subscription.standing().dropped == 2 * ENOUGH_SCHEDULED + 10
    assert ids(subscription.take(700)) == [f"later{number}" for number in range(5)]


def test_flow_control_bounds_a_holder() -> None:
    """A stream never holds more messages or (but for one message) bytes than it asked for."""
    subscription = Subscription(Rules())
    offered(subscription, 10)
    few = Holder(max_messages=3)
    taken = subscription.take(0, holder=few)
    assert len(taken) == 3
    subscription.ack(taken[0].ack_id, 0)
    assert len(subscription.take(0, holder=few)) == 1
    assert len(subscription.take(0, holder=Holder(max_bytes=6))) == 2


def test_given_back_is_no_attempt() -> None:
    """A delivery that never left the broker is undone: no attempt counted, no failure."""
    subscription = Subscription(Rules(push=True))
    offered(subscription, 1)
    (delivery,) = subscription.take(0)
    subscription.give_back(delivery.ack_id, 0)
    assert [each.attempt for each in subscription.take(0)] == [1]
    assert subscription.standing().delivered == 1


def serve(shares: FaultShares, count: int) -> list[str]:
    """Publish and ack until nothing is left; gives the ids in order of delivery."""
    subscription = Subscription(Rules(), faults=DeliveryFaults(shares, "s"))
    seen = []
    for number in range(count):
        subscription.offer([StoredMessage(str(number), b"x", None, "", 0)], number / 1_000)
    now: float | None = count / 1_000
    while now is not None:
        for delivery in subscription.take(now):
            seen.append(delivery.message.message_id)
            subscription.ack(delivery.ack_id, now)
        now = subscription.wake_at(now)
    return seen


def test_faults_come_in_their_shares() -> None:
    """Duplicates and lost acks cause about their share of redeliveries, reordering changes the order only."""
    assert serve(FaultShares(), 2_000) == [str(number) for number in range(2_000)]
    again = Counter(serve(FaultShares(duplicate=0.1), 2_000))
    assert 140 < sum(count == 2 for count in again.values()) < 260
    lost = Counter(serve(FaultShares(lost_ack=0.1), 2_000))
    assert 140 < sum(count >= 2 for count in lost.values()) < 260
    mixed = serve(FaultShares(reorder=0.2), 2_000)
    assert sorted(mixed, key=int) == [str(number) for number in range(2_000)] != mixed


def test_faults_repeat_with_their_seed() -> None:
    """The same seed gives the same history, another seed another."""
    shares = FaultShares(7, duplicate=0.1, delay=1, reorder=0.2, lost_ack=0.1)
    other = FaultShares(8, duplicate=0.1, delay=1, reorder=0.2, lost_ack=0.1)
    assert serve(shares, 200) == serve(shares, 200) != serve(other, 200)
