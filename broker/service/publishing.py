"""Publishing: messages are given to the subscriptions of their topic, and kept by it for replays."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rookery.broker.scheduling.messages import MessageDraft, StoredMessage
    from rookery.broker.scheduling.subscription import Subscription
    from rookery.broker.storage.journal import SubscriptionJournal
    from rookery.broker.storage.store import MessageStore
    from rookery.broker.topics.topic_router import TopicRouter


class TopicPublishing:
    """Publish to topics that are there; `journals` are those of the subscriptions, by name."""

    def __init__(
        self,
        router: TopicRouter,
        clock: Callable[[], float],
        *,
        store: MessageStore | None,
        journals: Mapping[str, SubscriptionJournal],
    ) -> None:
        self._router = router
        self._clock = clock
        self._store = store
        self._journals = journals

    async def publish(self, topic: str, drafts: Sequence[MessageDraft]) -> list[str]:
        """Publish; gives the message ids, once they are synced where there is a store."""
        if self._store is None:
            return self._router.publish(topic, drafts, self._clock())
        attached = self._router.attached(topic)
        messages = self._router.accept(drafts, self._clock())
        wanted = {name: machine.rules.wanted(messages) for name, machine in attached.items()}
        offers = [(machine, wanted[name]) for name, machine in attached.items()]
        numbered = {self._journals[name].number: found for name, found in wanted.items()}
        # The log's write joins the batch of the messages: nothing is awaited in between.
        self._router.log(topic).keep(messages)
        await self._store.publish(messages, numbered, partial(self._offer, offers))
        return [message.message_id for message in messages]

    def _offer(self, offers: list[tuple[Subscription, Sequence[StoredMessage]]]) -> None:
        now = self._clock()
        for subscription, messages in offers:
            subscription.offer(messages, now)
