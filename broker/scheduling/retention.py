"""How long messages are kept at most: all that a subscription holds, in the order of their offering."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.broker.scheduling.journal import Journal
    from rookery.broker.scheduling.ordering import HeldMessage


class Retention:
    """Keep the held messages in view; O(1) each, which a plain dictionary is not once its first ones were removed.

    `journal` records each message that leaves (None: memory only).
    No message is older than `since`, in seconds of the caller's clock: until that one is outdated, no check is needed.
    """

    __slots__ = ("_held", "_journal", "since")

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._held: OrderedDict[int, HeldMessage] = OrderedDict()
        self.since = float("inf")

    def add(self, held: HeldMessage) -> None:
        """Take a message in; none may be older than those that are here."""
        if not self._held:
            self.since = held.offered_at
        self._held[held.rank] = held

    def remove(self, held: HeldMessage) -> None:
        """Forget a message that is acked or gone."""
        if self._held.pop(held.rank, None) is not None and self._journal is not None:
            self._journal.removed(held.message)

    def outdated(self, now: float, seconds: float) -> Iterator[HeldMessage]:
        """Give each message that was kept for `seconds`, oldest first; the caller removes it before the next one."""
        while self._held:
            oldest = next(iter(self._held.values()))
            self.since = oldest.offered_at
            if now < self.since + seconds:
                return
            yield oldest
        self.since = float("inf")
