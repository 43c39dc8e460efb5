"""A backlog that is mostly on disk: delivered whole and in order, with little of it in memory."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.broker.scheduling import retention
from rookery.broker.scheduling.messages import RestoredMessage, StoredMessage
from rookery.broker.scheduling.rules import Rules
from rookery.broker.scheduling.subscription import Subscription

MOST, PAGE = 5, 3
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(["", "a", "b"])),
        st.tuples(st.sampled_from(["take", "ack", "nack", "load", "restart"]), st.just("")),
    ),
    max_size=80,
)


class StoredSubscription:
    """A subscription over a store that is a dictionary; also the journal that it writes to."""

    def __init__(self, rules: Rules) -> None:
        self.held: dict[int, RestoredMessage] = {}
        self.acked: set[int] = set()
        self.seen: dict[str, list[int]] = {}
        self.outstanding: list[tuple[str, int]] = []
        self._rules = rules
        self._ids = count(1)
        self._now = 0.0
        self.restart()

    def restart(self) -> None:
        """Begin anew from what is stored."""
        self.subscription = Subscription(self._rules, journal=self)
        assert self.subscription.disk is not None
        self.subscription.disk.count = len(self.held)
        self.outstanding, self.seen, self._after = [], {}, None
        self._load(0)

    def added(self, message: StoredMessage) -> None:
        """No dead letters here."""
        raise AssertionError(message)

    def wanted(self, after: int) -> None:
        """Note which page is asked for."""
        self._after = after

    def removed(self, message: StoredMessage) -> None:
        """Forget a message."""
        del self.held[int(message.message_id)]

    def attempted(self, message: StoredMessage, attempts: int) -> None:
        """Note an attempt."""
        self.held[int(message.message_id)] = RestoredMessage(message, attempts)

    def forget(self) -> None:
        """Nothing is cleared here."""
        raise AssertionError

    def publish(self, key: str) -> None:
        """Store a message, then offer it."""
        self._now += 1
        message = StoredMessage(str(next(self._ids)), b"x", None, key, self._now)
        self.held[int(message.message_id)] = RestoredMessage(message, 0)
        self.subscription.offer([message], self._now)

    def load(self) -> None:
        """Answer what was asked for."""
        if self._after is not None:
            after, self._after = self._after, None
            self._load(after)

    def take(self) -> None:
        """Take a few messages; the first deliveries of a key come in order."""
        for delivery in self.subscription.take(self._now, 2):
            ident, key = int(delivery.message.message_id), delivery.message.ordering_key
            seen = self.seen.setdefault(key, [])
            if key and ident not in seen:
                assert not seen or ident > seen[-1]
            seen.append(ident)
            self.outstanding.append((delivery.ack_id, ident))
        assert self.subscription._retention.messages < MOST + PAGE

    def ack(self) -> None:
        """Acknowledge the oldest delivery."""
        if self.outstanding:
            ack_id, ident = self.outstanding.pop(0)
            if self.subscription.ack(ack_id, self._now):
                self.acked.add(ident)

    def nack(self) -> None:
        """Fail the oldest delivery."""
        if self.outstanding:
            self.subscription.nack(self.outstanding.pop(0)[0], self._now)

    def drain(self) -> set[int]:
        """Acknowledge until nothing comes; gives all ids that were acknowledged ever."""
        self._now += 600
        for _ in range(3 * len(self.held) + 3):
            self.take()
            while self.outstanding:
                self.ack()
            self.load()
        assert self.subscription.backlog == self.subscription.outstanding == 0
        return self.acked

    def _load(self, after: int) -> None:
        page = [each for ident, each in sorted(self.held.items()) if ident > after][:PAGE]
        self.subscription.load(page, self._now, wall=self._now)


@given(steps=STEPS, ordered=st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_backlog_on_disk_is_delivered_whole_and_in_order(
    steps: list[tuple[str, str]], *, ordered: bool
) -> None:
    """After any history, restarts included, every message is delivered, keys in order, few of them in memory."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retention, "MOST_MESSAGES", MOST)
        stored = StoredSubscription(Rules(ordered=ordered, retention=1e9))
        for step, key in steps:
            if step == "publish":
                stored.publish(key)
            else:
                getattr(stored, step)()
        published = sum(step == "publish" for step, _ in steps)
        assert stored.drain() == set(range(1, published + 1))
        assert stored.held == {}
