"""How long messages are kept at most: all that a subscription holds, in the order of their offering."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from broker.lane import Held


class Retention:
    """Keep the held messages in view; O(1) each, which a plain dictionary is not once its first ones were removed."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: OrderedDict[int, Held] = OrderedDict()

    def add(self, held: Held) -> None:
        """Take a message in; none may be older than those that are here."""
        self._held[held.rank] = held

    def remove(self, held: Held) -> None:
        """Forget a message that is acked or gone."""
        self._held.pop(held.rank, None)

    def outdated(self, now: float, seconds: float) -> Held | None:
        """Find the oldest message if it was kept for `seconds`; the caller removes it."""
        oldest = self._oldest()
        return oldest if oldest is not None and now >= oldest.offered_at + seconds else None

    def next_at(self, seconds: float) -> float | None:
        """When the oldest message is outdated; None: there is none."""
        oldest = self._oldest()
        return None if oldest is None else oldest.offered_at + seconds

    def _oldest(self) -> Held | None:
        return next(iter(self._held.values()), None)
