"""Seek: a subscription goes back or on to a time; messages published since are unacknowledged, those before acknowledged."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rookery.broker.errors import FailedPreconditionError, InvalidArgumentError, UnimplementedError
from rookery.broker.storage.write_batch import SeekWrite
from rookery.broker.topics.topic_log import MemoryLog

if TYPE_CHECKING:
    from rookery.broker.delivery.dispatcher import Dispatcher
    from rookery.broker.service.proto import Proto
    from rookery.broker.storage.journal import SubscriptionJournal
    from rookery.broker.storage.store import MessageStore
    from rookery.broker.topics.topic_router import TopicRouter


def asked_time(request: Proto) -> float:
    """Read the time of a SeekRequest, in seconds since 1970; raises InvalidArgumentError or UnimplementedError."""
    if request.snapshot:
        raise UnimplementedError("This broker has no snapshots: seek to a time.")
    if not request.HasField("time"):
        raise InvalidArgumentError("A seek needs a time.")
    return float(request.time.seconds + request.time.nanos / 1e9)


async def seek(
    dispatcher: Dispatcher,
    topic: str,
    since: float,
    *,
    router: TopicRouter,
    stored: tuple[MessageStore, SubscriptionJournal] | None,
) -> None:
    """Go to a time in seconds since 1970; raises FailedPreconditionError where the subscription is detached.

    Acknowledged messages are back where the subscription retains them, or the topic does.
    """
    if dispatcher.detached:
        raise FailedPreconditionError(
            f"Subscription is detached from its topic (resource={dispatcher.name})."
        )
    rules = dispatcher.subscription.rules
    kept_since = max(since, rules.kept_since(time.time(), dispatcher.retains_since))
    if stored is not None:
        store, journal = stored
        await store.replay(
            SeekWrite(journal.number, topic, since, kept_since, rules.filter), dispatcher.begin_anew
        )
        return
    log = router.log(topic)
    kept = log.since(kept_since) if isinstance(log, MemoryLog) else []
    dispatcher.replay(rules.wanted(kept), since)
