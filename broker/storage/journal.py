"""Journal of one subscription: collects its lazy writes until the store takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rookery.broker.storage.write_batch import LazyWrites

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.broker.scheduling.messages import RestoredMessage, StoredMessage


class StoreReader(Protocol):
    """The receiver of what a store has for one subscription."""

    def offer(self, message: StoredMessage) -> None:
        """Take in a message that was stored now."""
        ...

    def load(self, page: list[RestoredMessage]) -> None:
        """Take in the next messages from disk."""
        ...


class SubscriptionJournal:
    """Collect what changes in subscription `number`; `noted` is called at the first change after a `take`.

    `wanted_after` is the id behind which messages are to be read (None: no reading is due), `reader` takes them.
    """

    def __init__(self, number: int, noted: Callable[[SubscriptionJournal], None]) -> None:
        self.number = number
        self.reader: StoreReader | None = None
        self.wanted_after: int | None = None
        self._noted = noted
        self._waiting: LazyWrites | None = None

    def wanted(self, after: int) -> None:
        """Note that the messages behind an id are to be read."""
        self.wanted_after = after
        self._noted(self)

    def added(self, message: StoredMessage) -> None:
        """Note a message that is not stored yet; `reader` gets it when it is."""
        self._lazy().added[int(message.message_id)] = message

    def removed(self, message: StoredMessage) -> None:
        """Note that a message is gone."""
        self._lazy().remove(int(message.message_id))

    def attempted(self, message: StoredMessage, attempts: int) -> None:
        """Note how many times a message was delivered."""
        self._lazy().attempts[int(message.message_id)] = attempts

    def take(self) -> LazyWrites:
        """Give what is noted, and begin anew."""
        waiting, self._waiting = self._waiting or LazyWrites(), None
        return waiting

    def put_back(self, failed: LazyWrites) -> None:
        """Note again what could not be written."""
        later = self._lazy()
        self._waiting = failed.then(later)

    def forget(self) -> None:
        """Drop what was noted of messages that the subscription holds no longer, and which page is wanted."""
        self.wanted_after = None
        if self._waiting is not None:
            self._waiting.removed.clear()
            self._waiting.attempts.clear()

    def _lazy(self) -> LazyWrites:
        if self._waiting is None:
            self._waiting = LazyWrites()
            self._noted(self)
        return self._waiting
