"""The API in Google's own words, whichever door a request comes through: topics, subscriptions, publishing."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from rookery.broker.delivery.dispatcher import Dispatcher
from rookery.broker.errors import AlreadyExistsError, ApiError, NotFoundError
from rookery.broker.resources import subscription_settings, topic_settings
from rookery.broker.resources.admission import check_drafts, check_name
from rookery.broker.resources.field_mask import copied, merged
from rookery.broker.service.publishing import TopicPublishing
from rookery.broker.service.seeking import seek
from rookery.broker.service.serial_changes import SerialChanges, serial
from rookery.broker.storage import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.field_mask_pb2 import FieldMask

    from rookery.broker.delivery.push import Endpoint, Pusher
    from rookery.broker.scheduling.counters import SubscriptionStats
    from rookery.broker.scheduling.messages import MessageDraft
    from rookery.broker.scheduling.subscription import Subscription
    from rookery.broker.service.proto import Proto
    from rookery.broker.storage.journal import SubscriptionJournal
    from rookery.broker.storage.store import MessageStore
    from rookery.broker.storage.write_batch import ConfigChange
    from rookery.broker.topics.topic_router import TopicRouter


class Catalogue:
    """Hold the resources, keep the topic router in step with them, and a dispatcher for every subscription.

    With a store, changes and messages are answered once they are synced (None: memory only).
    """

    def __init__(
        self,
        router: TopicRouter,
        *,
        pusher: Pusher,
        clock: Callable[[], float],
        store: MessageStore | None = None,
    ) -> None:
        self.clock = clock
        self.changes = SerialChanges()
        self._store = store
        self._journals: dict[str, SubscriptionJournal] = {}
        self._router = router
        self._pusher = pusher
        self._publishing = TopicPublishing(router, clock, store=store, journals=self._journals)
        self._topics: dict[str, Proto] = {}
        self._subscriptions: dict[str, Proto] = {}
        self._dispatchers: dict[str, Dispatcher] = {}

    @serial
    async def create_topic(self, topic: Proto) -> Proto:
        """Create a topic."""
        topic_settings.check_topic(topic)
        if topic.name in self._topics:
            raise AlreadyExistsError(f"Topic already exists (resource={topic.name}).")
        stored = copied(topic)
        stored.state = stored.ACTIVE
        await self.save(changes.save_topic(stored.name, stored.SerializeToString()))
        self.restore_topic(stored)
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

    @serial
    async def update_topic(self, topic: Proto, mask: FieldMask) -> Proto:
        """Change the masked fields of a topic."""
        changed = merged(self.topic(topic.name), topic, mask, mutable=topic_settings.MUTABLE)
        topic_settings.check_topic(changed)
        attached = {
            name: subscription_settings.of_topic(self._subscriptions[name], changed)
            for name in self._router.subscriptions(changed.name)
        }
        saved = changes.save_topic(changed.name, changed.SerializeToString(), self._written(attached))
        await self.save(saved)
        self.restore_topic(changed)
        self._turn(attached)
        return changed

    @serial
    async def delete_topic(self, name: str) -> None:
        """Delete a topic; its subscriptions live on without one."""
        self.topic(name)
        left = {
            key: subscription_settings.without_topic(each)
            for key, each in self._subscriptions.items()
            if each.topic == name
        }
        await self.save(changes.delete_topic(name, self._written(left)))
        self._router.remove_topic(name)
        del self._topics[name]
        self._turn(left)

    def _written(self, changed: dict[str, Proto]) -> dict[int, bytes]:
        """Write subscriptions for the store, by number."""
        numbers = self._journals
        return {
            numbers[name].number: each.SerializeToString()
            for name, each in changed.items()
            if name in numbers
        }

    def _turn(self, changed: dict[str, Proto]) -> None:
        """Apply subscriptions that are stored already."""
        for name, each in changed.items():
            self._dispatchers[name].turn(
                subscription_settings.rules(each), subscription_settings.endpoint(each)
            )
            self._router.settle_log(each.topic)
            self._subscriptions[name] = each

    def topic_subscriptions(self, topic: str) -> list[str]:
        """Name the subscriptions of a topic."""
        return self._router.subscriptions(self.topic(topic).name)

    async def publish(self, topic: str, drafts: Sequence[MessageDraft]) -> list[str]:
        """Publish within production's limits; gives the message ids, once they are synced where there is a store."""
        check_drafts(drafts)
        name = self.topic(topic).name
        return await self._publishing.publish(name, drafts)

    @serial
    async def create_subscription(self, subscription: Proto) -> Proto:
        """Create a subscription and start its dispatcher."""
        check_name(subscription.name, "subscriptions")
        if subscription.name in self._subscriptions:
            raise AlreadyExistsError(f"Subscription already exists (resource={subscription.name}).")
        stored = subscription_settings.created(subscription, self.topic(subscription.topic))
        rules, endpoint = subscription_settings.rules(stored), subscription_settings.endpoint(stored)
        if rules.dead_letter:
            self.topic(rules.dead_letter.topic)
        journal = self._store.journal() if self._store is not None else None
        since = time.time()
        if journal is not None:
            await self.save(changes.create_subscription(journal.number, stored.SerializeToString(), since))
            self._journals[stored.name] = journal
        machine = self._router.subscribe(stored.name, stored.topic, rules, journal=journal)
        self._dispatch(stored, machine, endpoint).retains_since = since
        return stored

    def restore_topic(self, stored: Proto) -> None:
        """Take in a topic that the store has."""
        self._topics[stored.name] = stored
        self._router.add_topic(stored.name, retention=topic_settings.retention(stored))

    def restore_subscription(self, stored: Proto, journal: SubscriptionJournal) -> Dispatcher:
        """Take in a subscription that the store has; gives it without its messages."""
        self._journals[stored.name] = journal
        rules = subscription_settings.rules(stored)
        machine = (
            self._router.subscribe(stored.name, stored.topic, rules, journal=journal)
            if stored.topic in self._topics and not stored.detached
            else self._router.detached(stored.name, rules, journal=journal)
        )
        return self._dispatch(stored, machine, subscription_settings.endpoint(stored))

    def _dispatch(self, stored: Proto, machine: Subscription, endpoint: Endpoint | None) -> Dispatcher:
        dispatcher = Dispatcher(
            stored.name, machine, endpoint=endpoint, pusher=self._pusher, clock=self.clock
        )
        dispatcher.detached = stored.detached
        dispatcher.start()
        self._subscriptions[stored.name], self._dispatchers[stored.name] = stored, dispatcher
        if (journal := self._journals.get(stored.name)) is not None:
            journal.reader = dispatcher
        return dispatcher

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

    @serial
    async def update_subscription(self, subscription: Proto, mask: FieldMask) -> Proto:
        """Change the masked fields of a subscription; messages keep their places."""
        stored = self.subscription(subscription.name)
        return await self._change(merged(stored, subscription, mask, mutable=subscription_settings.MUTABLE))

    @serial
    async def modify_push_config(self, name: str, push_config: Proto) -> None:
        """Turn a subscription to another endpoint, or to pull."""
        changed = copied(self.subscription(name))
        changed.push_config.CopyFrom(push_config)
        await self._change(changed)

    @serial
    async def seek(self, name: str, since: float) -> None:
        """Have a subscription go to a time, in seconds since 1970; raises FailedPreconditionError where it is detached."""
        topic = self.subscription(name).topic
        stored = (self._store, self._journals[name]) if self._store is not None else None
        await seek(self._dispatchers[name], topic, since, router=self._router, stored=stored)

    @serial
    async def detach_subscription(self, name: str) -> None:
        """Take a subscription off its topic, with all that it holds dropped; it stays, and nothing more comes to it."""
        changed = copied(self.subscription(name))
        if changed.detached:
            return
        changed.detached = True
        dispatcher = self._dispatchers[name]
        # Before the change is stored: a message that is stored after it would be held for ever.
        self._router.unsubscribe(name, changed.topic)
        try:
            if self._store is not None:
                number = self._journals[name].number
                await self.save(changes.clear_subscription(number, changed.SerializeToString()))
        except ApiError:
            if changed.topic in self._topics:
                self._router.attach(name, changed.topic, dispatcher.subscription)
            raise
        dispatcher.detach()
        self._subscriptions[name] = changed

    @serial
    async def delete_subscription(self, name: str) -> None:
        """Delete a subscription with all that it holds."""
        subscription = self.subscription(name)
        if self._store is not None:
            await self.save(changes.delete_subscription(self._journals[name].number))
        await self._remove(subscription).close()

    def _remove(self, subscription: Proto) -> Dispatcher:
        self._router.unsubscribe(subscription.name, subscription.topic)
        del self._subscriptions[subscription.name]
        if (journal := self._journals.pop(subscription.name, None)) is not None:
            # They hold each other, and would wait for the garbage collector.
            journal.reader = None
        return self._dispatchers.pop(subscription.name)

    def dispatcher(self, name: str) -> Dispatcher:
        """Find the dispatcher of a subscription."""
        return self._dispatchers[self.subscription(name).name]

    def standings(self) -> dict[str, SubscriptionStats]:
        """Say how every subscription stands."""
        return {
            name: dispatcher.subscription.standing() for name, dispatcher in sorted(self._dispatchers.items())
        }

    @serial
    async def reset(self) -> None:
        """Forget everything."""
        await self.save(changes.delete_everything(each.number for each in self._journals.values()))
        await self.close()

    async def close(self) -> None:
        """Let go of everything in memory; the store keeps what it has."""
        # Topics first: without subscriptions they would drop what they keep for them, in the store too.
        for name in list(self._topics):
            self._router.remove_topic(name)
        self._topics.clear()
        dispatchers = [self._remove(subscription) for subscription in list(self._subscriptions.values())]
        await asyncio.gather(*(dispatcher.close() for dispatcher in dispatchers))

    async def save(self, change: ConfigChange) -> None:
        """Return once a change is synced, where there is a store."""
        if self._store is not None:
            await self._store.change(change)

    async def _change(self, changed: Proto) -> Proto:
        subscription_settings.complete(changed)
        rules = subscription_settings.rules(changed)
        subscription_settings.endpoint(changed)
        if rules.dead_letter:
            self.topic(rules.dead_letter.topic)
        dispatcher = self._dispatchers[changed.name]
        begins = rules.acked_retention and not dispatcher.subscription.rules.acked_retention
        since = time.time() if begins else dispatcher.retains_since
        if self._store is not None:
            number = self._journals[changed.name].number
            await self.save(changes.update_subscription(number, changed.SerializeToString(), since))
        dispatcher.retains_since = since
        self._turn({changed.name: changed})
        return changed
