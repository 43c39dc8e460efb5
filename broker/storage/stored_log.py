"""Log of a topic in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.broker.scheduling.messages import StoredMessage
    from rookery.broker.storage.store import MessageStore


class StoredLog:
    """Write the messages of a topic to the store with the batch that publishes them."""

    def __init__(self, topic: str, store: MessageStore) -> None:
        self.seconds = 0.0
        self._topic = topic
        self._store = store

    def turn(self, seconds: float) -> None:
        """Keep messages for another time from now on; 0 drops them."""
        if self.seconds and not seconds:
            self._store.drop_log(self._topic)
        self.seconds = seconds

    def keep(self, messages: Sequence[StoredMessage]) -> None:
        """Write newly published messages; as many outdated ones are deleted."""
        if self.seconds and messages:
            oldest = messages[-1].published_at - self.seconds
            self._store.keep(self._topic, messages, oldest=oldest)
