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


def restore(catalogue: Catalogue, store: MessageStore) -> None:
    """Create what is stored, with the oldest messages; the others follow as they are delivered.

    Raises StoreDamagedError.
    """
    for settings in store.config.topics:
        catalogue.restore_topic(_parsed(proto.Topic(), settings, store))
    for number, settings in sorted(store.config.subscriptions.items()):
        stored = _parsed(proto.Subscription(), settings, store)
        dispatcher = catalogue.restore_subscription(stored, store.journal(number))
        dispatcher.retains_since = store.config.retains_since[number]
        if (disk := dispatcher.subscription.disk) is not None:
            disk.count = store.count(number)
            dispatcher.load(store.first_page(number))


def _parsed(resource: Proto, settings: bytes, store: MessageStore) -> Proto:
    try:
        resource.ParseFromString(settings)
    except DecodeError as error:
        raise StoreDamagedError(store.path, error) from error
    return resource
