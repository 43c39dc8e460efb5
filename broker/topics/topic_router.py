"""All topics and subscriptions of one broker, as one pure state machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING
from weakref import ref

from rookery.broker.faults import DeliveryFaults, FaultShares
from rookery.broker.scheduling.messages import MessageDraft, stored
from rookery.broker.scheduling.subscription import Subscription
from rookery.broker.times import rfc3339
from rookery.broker.topics.topic_log import MemoryLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rookery.broker.scheduling.journal import Journal
    from rookery.broker.scheduling.messages import StoredMessage
    from rookery.broker.scheduling.rules import Rules
    from rookery.broker.topics.topic_log import TopicLog


@dataclass(slots=True)
class _Topic:
    log: TopicLog
    retention: float = 0.0
    subscriptions: dict[str, Subscription] = field(default_factory=dict)


class TopicRouter:
    """Fan messages out to subscriptions, and dead ones to their topics.

    `epoch` is what to add to the caller's clock for seconds since 1970; `first_id` begins the message ids,
    which a restarted broker must not use again. `log` makes the log of a topic. `most_pushes` bounds each push window (None: production's rules).
    """

    def __init__(
        self,
        *,
        faults: FaultShares | None = None,
        most_pushes: int | None = None,
        epoch: float = 0.0,
        first_id: int = 1,
        log: Callable[[str], TopicLog] = MemoryLog,
    ) -> None:
        self._faults = faults or FaultShares()
        self._most_pushes = most_pushes
        self._epoch = epoch
        self._ids = count(first_id)
        self._ack_ids = count(first_id)
        self._new_log = log
        self._topics: dict[str, _Topic] = {}

    def add_topic(self, topic: str, *, retention: float = 0.0) -> None:
        """Open a topic that keeps each message for `retention` seconds; one that is there keeps what it has."""
        self._topics.setdefault(topic, _Topic(self._new_log(topic))).retention = retention
        self.settle_log(topic)

    def remove_topic(self, topic: str) -> None:
        """Close a topic; its subscriptions keep what they hold and get nothing new."""
        del self._topics[topic]

    def settle_log(self, topic: str) -> None:
        """Keep the topic's messages as long as it, or a subscription that retains acknowledged ones, needs them."""
        found = self._topics.get(topic)
        if found is not None:
            retained = (each.rules.acked_retention for each in found.subscriptions.values())
            found.log.turn(max(found.retention, *retained, 0.0))

    def log(self, topic: str) -> TopicLog:
        """Give a topic's log; an empty one where there is no such topic."""
        found = self._topics.get(topic)
        return found.log if found is not None else MemoryLog()

    def subscribe(
        self, name: str, topic: str, rules: Rules, *, journal: Journal | None = None
    ) -> Subscription:
        """Attach a new subscription to a topic; raises KeyError where there is no such topic."""
        subscription = self.detached(name, rules, journal=journal)
        self.attach(name, topic, subscription)
        return subscription

    def detached(self, name: str, rules: Rules, *, journal: Journal | None = None) -> Subscription:
        """Give a subscription that has no topic, or is detached from it."""

        def dead_letter(message: StoredMessage, attempts: int, now: float) -> bool:
            # The subscription holds this function; a strong reference back would leave it to the garbage collector.
            source_subscription = itself()
            dead = source_subscription.rules.dead_letter if source_subscription is not None else None
            return dead is not None and self._dead_letter(
                name, dead.topic, message, attempts=attempts, now=now
            )

        subscription = Subscription(
            rules,
            faults=DeliveryFaults(self._faults, name),
            serial=self._ack_ids,
            most_pushes=self._most_pushes,
            dead_letter=dead_letter,
            journal=journal,
        )
        itself = ref(subscription)
        return subscription

    def attach(self, name: str, topic: str, subscription: Subscription) -> None:
        """Give a topic's messages to a subscription from now on; raises KeyError where there is no such topic."""
        self._topics[topic].subscriptions[name] = subscription
        self.settle_log(topic)

    def unsubscribe(self, name: str, topic: str) -> None:
        """Give nothing more to a subscription; one that is not attached stays as it is."""
        if topic in self._topics:
            self._topics[topic].subscriptions.pop(name, None)
            self.settle_log(topic)

    def subscriptions(self, topic: str) -> list[str]:
        """Name a topic's subscriptions; raises KeyError where there is no such topic."""
        return sorted(self._topics[topic].subscriptions)

    def publish(self, topic: str, drafts: Sequence[MessageDraft], now: float) -> list[str]:
        """Give every draft an id and to every subscription; raises KeyError where there is no such topic."""
        found = self._topics[topic]
        messages = self.accept(drafts, now)
        found.log.keep(messages)
        for subscription in found.subscriptions.values():
            subscription.offer(subscription.rules.wanted(messages), now)
        return [message.message_id for message in messages]

    def accept(self, drafts: Sequence[MessageDraft], now: float) -> list[StoredMessage]:
        """Give every draft an id and its time of publishing."""
        return stored(self._ids, drafts, now + self._epoch)

    def attached(self, topic: str) -> dict[str, Subscription]:
        """Give a topic's subscriptions by name; raises KeyError where there is no such topic."""
        return dict(self._topics[topic].subscriptions)

    def _dead_letter(
        self, source: str, topic: str, message: StoredMessage, *, attempts: int, now: float
    ) -> bool:
        """Publish a dead message with where it came from; False where its topic is gone."""
        if topic not in self._topics:
            return False
        _, project, _, subscription = source.split("/")
        attributes = {
            **(message.attributes or {}),
            "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
            "CloudPubSubDeadLetterSourceSubscription": subscription,
            "CloudPubSubDeadLetterSourceSubscriptionProject": project,
            "CloudPubSubDeadLetterSourceTopicPublishTime": rfc3339(message.published_at),
        }
        (dead,) = self.accept([MessageDraft(message.data, attributes, message.ordering_key)], now)
        self._topics[topic].log.keep([dead])
        for each in self._topics[topic].subscriptions.values():
            if not each.rules.wanted([dead]):
                continue
            if each.journal is not None:
                each.journal.added(dead)
            else:
                each.offer([dead], now)
        return True
