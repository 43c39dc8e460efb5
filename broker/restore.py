"""Restore of the catalogue from a store: everything as it was when the last batch was synced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from rookery.broker.service import proto
from rookery.broker.storage.errors import StoreDamagedError

if TYPE_CHECKING:
    from rookery.broker.service.catalogue import Catalogue
    from rookery.broker.service.proto import Proto
    from rookery.broker.storage.store import MessageStore


def restore(catalogue: Catalogue, store: MessageStore, *, epoch: float) -> None:
    """Create what is stored; raises StoreDamagedError. `epoch` plus the catalogue's clock is seconds since 1970."""
    for settings in store.config.topics:
        catalogue.restore_topic(_parsed(proto.Topic(), settings, store))
    for number, settings in sorted(store.config.subscriptions.items()):
        machine = catalogue.restore_subscription(
            _parsed(proto.Subscription(), settings, store), store.journal(number)
        )
        now = catalogue.clock()
        offered_at = float("-inf")
        for held in store.messages(number):
            # The clock of the machine may have been set meanwhile; no message may be older than the one before it.
            offered_at = max(offered_at, min(now, held.message.published_at - epoch))
            machine.restore(held.message, now, offered_at=offered_at, attempts=held.attempts)


def _parsed(resource: Proto, settings: bytes, store: MessageStore) -> Proto:
    try:
        resource.ParseFromString(settings)
    except DecodeError as error:
        raise StoreDamagedError(store.path, error) from error
    return resource
