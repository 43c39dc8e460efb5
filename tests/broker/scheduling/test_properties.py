"""The scheduler under random histories: nothing is lost, order holds, nothing is redelivered without a cause."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rookery.broker.faults import DeliveryFaults, FaultShares
from rookery.broker.scheduling.backoff import RetryPolicy
from rookery.broker.scheduling.messages import Delivery, StoredMessage
from rookery.broker.scheduling.rules import DeadLetterRule, Rules
from rookery.broker.scheduling.subscription import Subscription

KEYS = ("", "", "a", "b")


class Scheduler(RuleBasedStateMachine):
    """Publish, take, ack, nack, extend and let time pass, in any order; a model keeps the books."""

    @initialize(
        rules=st.builds(
            Rules,
            push=st.booleans(),
            ordered=st.booleans(),
            retry=st.sampled_from([None, RetryPolicy(0.5, 4.0)]),
            dead_letter=st.sampled_from([None, DeadLetterRule("projects/p/topics/dead", 5)]),
        ),
        seed=st.one_of(st.none(), st.integers(0, 9)),
    )
    def begin(self, rules: Rules, seed: int | None) -> None:
        """Draw a subscription, with faults where there is a seed."""
        faulty = seed is not None
        shares = (
            FaultShares(seed, duplicate=0.3, delay=2.0, reorder=0.3, lost_ack=0.3)
            if faulty
            else FaultShares()
        )
        self.subscription = Subscription(rules, faults=DeliveryFaults(shares), dead_letter=self.dead_letter)
        self.faulty = faulty
        self.now = 100.0
        self.published: list[StoredMessage] = []
        self.held: dict[str, Delivery] = {}
        self.sent_at: dict[str, float] = {}
        self.acked: Counter[str] = Counter()
        self.buried: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()
        self.failures = 0
        self.last: dict[str, int] = {}

    def dead_letter(self, message: StoredMessage, attempts: int, now: float) -> bool:
        """Take a dead message, never too early."""
        assert attempts >= 5
        assert now == self.now
        self.buried[message.message_id] += 1
        return True

    @rule(key=st.sampled_from(KEYS))
    def publish(self, key: str) -> None:
        """Offer one more message."""
        message = StoredMessage(str(len(self.published)), b"x", None, key, self.now)
        self.published.append(message)
        self.subscription.offer([message], self.now)

    @rule(limit=st.one_of(st.none(), st.integers(1, 5)))
    def take(self, limit: int | None) -> None:
        """Take what may go, and check the order of each key."""
        before = self.subscription.outstanding
        for delivery in self.subscription.take(self.now, limit):
            assert delivery.ack_id not in self.held
            self.held[delivery.ack_id] = delivery
            self.delivered[delivery.message.message_id] += 1
            self.check_order(delivery.message)
        if self.subscription.rules.push:
            assert self.subscription.outstanding <= max(before, self.subscription.window.size)
            if self.now < self.subscription.backoff.until:
                assert self.subscription.outstanding <= before

    def check_order(self, message: StoredMessage) -> None:
        """A message of a key follows the key's last one, or goes back over the same ground."""
        if not self.subscription.rules.ordered or not message.ordering_key:
            return
        key = message.ordering_key
        mine = [int(each.message_id) for each in self.published if each.ordering_key == key]
        position = mine.index(int(message.message_id))
        gone = [
            number
            for number in mine[:position]
            if not self.acked[str(number)] and not self.buried[str(number)]
        ]
        assert all(self.delivered[str(number)] for number in gone), "overtook a message of its key"

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        """End one delivery well."""
        delivery = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        if self.subscription.ack(delivery.ack_id, self.now):
            self.acked[delivery.message.message_id] += 1

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def nack(self, data: st.DataObject) -> None:
        """End one delivery badly."""
        delivery = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        self.failures += self.subscription.nack(delivery.ack_id, self.now)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), seconds=st.sampled_from([0, 15, 60]))
    def extend(self, data: st.DataObject, seconds: int) -> None:
        """Move a deadline; 0 is a nack."""
        ack_id = data.draw(st.sampled_from(sorted(self.held)))
        self.failures += self.subscription.extend(ack_id, seconds, self.now) and seconds == 0

    @rule(seconds=st.sampled_from([0.05, 1.0, 11.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        before = self.subscription.standing().expired
        self.subscription.tick(self.now)
        self.failures += self.subscription.standing().expired - before

    @invariant()
    def duplicates_have_a_cause(self) -> None:
        """Nothing is delivered twice unless a delivery failed, expired, or a fault was asked for."""
        if not self.faulty and not self.failures and not self.subscription.standing().expired:
            assert all(count == 1 for count in self.delivered.values())

    def teardown(self) -> None:
        """After any history, every message is acked or dead-lettered in the end; none is lost."""
        if not hasattr(self, "subscription"):
            return
        for _ in range(40 * len(self.published) + 200):
            for delivery in self.subscription.take(self.now):
                self.delivered[delivery.message.message_id] += 1
                if self.subscription.ack(delivery.ack_id, self.now):
                    self.acked[delivery.message.message_id] += 1
            wake_at = self.subscription.wake_at(self.now)
            if wake_at is None and not self.subscription.backlog:
                break
            self.now = max(self.now, wake_at) if wake_at is not None else self.now
        assert self.subscription.outstanding == self.subscription.backlog == 0
        ended = self.acked + self.buried
        assert all(ended[message.message_id] for message in self.published), "a message was lost"


Scheduler.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestScheduler = Scheduler.TestCase
