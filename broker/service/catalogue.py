"""The API in Google's own words, whichever door a request comes through: topics, subscriptions, publishing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from rookery.broker.delivery.dispatcher import Dispatcher
from rookery.broker.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError
from rookery.broker.service import proto, resources
from rookery.broker.service.admission import check_drafts, check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.field_mask_pb2 import FieldMask

    from rookery.broker.delivery.push import Pusher
    from rookery.broker.scheduling.counters import SubscriptionStats
    from rookery.broker.scheduling.messages import MessageDraft
    from rookery.broker.scheduling.topic_router import TopicRouter
    from rookery.broker.service.proto import Proto

_MUTABLE_SUBSCRIPTION: Final = frozenset(
    {
        "ack_deadline_seconds",
        "dead_letter_policy",
        "expiration_policy",
        "labels",
        "message_retention_duration",
        "push_config",
        "retry_policy",
    }
)
_MUTABLE_TOPIC: Final = frozenset({"labels"})


class Catalogue:
    """Hold the resources, keep the topic router in step with them, and a dispatcher for every subscription."""

    def __init__(self, router: TopicRouter, *, pusher: Pusher, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._router = router
        self._pusher = pusher
        self._topics: dict[str, Proto] = {}
        self._subscriptions: dict[str, Proto] = {}
        self._dispatchers: dict[str, Dispatcher] = {}

    def create_topic(self, topic: Proto) -> Proto:
        """Create a topic."""
        resources.check_topic(topic)
        if topic.name in self._topics:
            raise AlreadyExistsError(f"Topic already exists (resource={topic.name}).")
        stored = proto.Topic(name=topic.name, labels=topic.labels, state=proto.Topic.ACTIVE)
        self._topics[topic.name] = stored
        self._router.add_topic(topic.name)
        return stored

    def topic(self, name: str) -> Proto:
        """Look a topic up."""
        check_name(name, "topics")
        if name not in self._topics:
            raise NotFoundError(f"Topic not found (resource={name}).")
        return self._topics[name]

    def topics(self, project: str) -> list[Proto]:
        """List the topics of projects/P by name."""
        return [topic for name, topic in sorted(self._topics.items()) if name.startswith(f"{project}/")]

    def update_topic(self, topic: Proto, mask: FieldMask) -> Proto:
        """Change the masked fields of a topic."""
        changed = _merged(self.topic(topic.name), topic, mask, mutable=_MUTABLE_TOPIC)
        resources.check_topic(changed)
        self._topics[topic.name] = changed
        return changed

    def delete_topic(self, name: str) -> None:
        """Delete a topic; its subscriptions live on without one."""
        self.topic(name)
        for subscription in self._router.subscriptions(name):
            self._subscriptions[subscription].topic = resources.DELETED_TOPIC
        self._router.remove_topic(name)
        del self._topics[name]

    def topic_subscriptions(self, topic: str) -> list[str]:
        """Name the subscriptions of a topic."""
        return self._router.subscriptions(self.topic(topic).name)

    def publish(self, topic: str, drafts: Sequence[MessageDraft]) -> list[str]:
        """Publish within production's limits; gives the message ids."""
        check_drafts(drafts)
        return self._router.publish(self.topic(topic).name, drafts, self.clock())

    def create_subscription(self, subscription: Proto) -> Proto:
        """Create a subscription and start its dispatcher."""
        check_name(subscription.name, "subscriptions")
        if subscription.name in self._subscriptions:
            raise AlreadyExistsError(f"Subscription already exists (resource={subscription.name}).")
        self.topic(subscription.topic)
        stored = proto.Subscription()
        stored.CopyFrom(subscription)
        resources.complete(stored)
        rules, endpoint = resources.rules(stored), resources.endpoint(stored)
        if rules.dead_letter:
            self.topic(rules.dead_letter.topic)
        machine = self._router.subscribe(stored.name, stored.topic, rules)
        dispatcher = Dispatcher(
            stored.name, machine, endpoint=endpoint, pusher=self._pusher, clock=self.clock
        )
        dispatcher.start()
        self._subscriptions[stored.name], self._dispatchers[stored.name] = stored, dispatcher
        return stored

    def subscription(self, name: str) -> Proto:
        """Look a subscription up."""
        check_name(name, "subscriptions")
        if name not in self._subscriptions:
            raise NotFoundError(f"Subscription does not exist (resource={name}).")
        return self._subscriptions[name]

    def subscriptions(self, project: str) -> list[Proto]:
        """List the subscriptions of projects/P by name."""
        found = sorted(self._subscriptions.items())
        return [subscription for name, subscription in found if name.startswith(f"{project}/")]

    def update_subscription(self, subscription: Proto, mask: FieldMask) -> Proto:
        """Change the masked fields of a subscription; messages keep their places."""
        stored = self.subscription(subscription.name)
        return self._change(_merged(stored, subscription, mask, mutable=_MUTABLE_SUBSCRIPTION))

    def modify_push_config(self, name: str, push_config: Proto) -> None:
        """Turn a subscription to another endpoint, or to pull."""
        changed = proto.Subscription()
        changed.CopyFrom(self.subscription(name))
        changed.push_config.CopyFrom(push_config)
        self._change(changed)

    async def delete_subscription(self, name: str) -> None:
        """Delete a subscription with all that it holds."""
        await self._remove(self.subscription(name)).close()

    def _remove(self, subscription: Proto) -> Dispatcher:
        self._router.unsubscribe(subscription.name, subscription.topic)
        del self._subscriptions[subscription.name]
        return self._dispatchers.pop(subscription.name)

    def dispatcher(self, name: str) -> Dispatcher:
        """Find the dispatcher of a subscription."""
        return self._dispatchers[self.subscription(name).name]

    def standings(self) -> dict[str, SubscriptionStats]:
        """Say how every subscription stands."""
        return {
            name: dispatcher.subscription.standing() for name, dispatcher in sorted(self._dispatchers.items())
        }

    def unacknowledged(self) -> dict[str, int]:
        """Count the messages that each subscription holds, where it holds any."""
        held = {name: each.outstanding + each.backlog for name, each in self.standings().items()}
        return {name: count for name, count in held.items() if count}

    async def reset(self) -> None:
        """Forget everything."""
        dispatchers = [self._remove(subscription) for subscription in list(self._subscriptions.values())]
        for name in list(self._topics):
            self.delete_topic(name)
        await asyncio.gather(*(dispatcher.close() for dispatcher in dispatchers))

    def _change(self, changed: Proto) -> Proto:
        resources.complete(changed)
        rules, endpoint = resources.rules(changed), resources.endpoint(changed)
        if rules.dead_letter:
            self.topic(rules.dead_letter.topic)
        self._dispatchers[changed.name].turn(rules, endpoint)
        self._subscriptions[changed.name] = changed
        return changed


def _merged(stored: Proto, wanted: Proto, mask: FieldMask, *, mutable: frozenset[str]) -> Proto:
    if not mask.paths:
        raise InvalidArgumentError("update_mask needs at least one field.")
    fixed = [path for path in mask.paths if path.partition(".")[0] not in mutable]
    if fixed:
        raise InvalidArgumentError(f"update_mask names what cannot be changed here: {', '.join(fixed)}.")
    changed = type(stored)()
    changed.CopyFrom(stored)
    try:
        mask.MergeMessage(wanted, changed, replace_message_field=True, replace_repeated_field=True)
    except ValueError as error:
        raise InvalidArgumentError(f"update_mask: {error}.") from None
    return changed
