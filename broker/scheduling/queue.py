"""The messages that wait: ready ones in publish order, held-back ones by the moment they are due."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.broker.scheduling.ordering import HeldMessage, Holder


class MessageQueue:
    """Put in, cancel and take out; O(log n) each. A cancelled entry stays in its heap, outdated."""

    __slots__ = ("_entries", "_ready", "_waiting")

    def __init__(self) -> None:
        self._entries = count(1)
        self._ready: list[tuple[int, int, HeldMessage]] = []
        self._waiting: list[tuple[float, int, HeldMessage]] = []

    def put(self, held: HeldMessage, now: float) -> None:
        """Queue a message for when it is due; a message of a key becomes the queued one of its key."""
        held.entry = next(self._entries)
        if held.key_queue is not None:
            held.key_queue.queued = held
        if held.not_before <= now:
            self._make_ready(held)
        else:
            heappush(self._waiting, (held.not_before, held.entry, held))

    def cancel(self, held: HeldMessage) -> None:
        """Take a message out, wherever it waits."""
        held.entry = 0
        if held.key_queue is not None and held.key_queue.queued is held:
            held.key_queue.queued = None

    def promote(self, now: float) -> None:
        """Make ready what is due."""
        while self._waiting and self._waiting[0][0] <= now:
            _, entry, held = heappop(self._waiting)
            if held.entry == entry:
                self._make_ready(held)

    def peek(self, reader: Holder | None = None) -> HeldMessage | None:
        """The oldest message that is ready for this reader: for anyone, or of a key that is bound to it."""
        anyones = _first(self._ready)
        if reader is None or not reader.ready:
            return anyones
        own = _first(reader.ready)
        return own if own is not None and (anyones is None or own.rank < anyones.rank) else anyones

    @property
    def ready(self) -> int:
        """How many messages are ready at most: cancelled entries count until they are met."""
        return len(self._ready)

    @property
    def next_at(self) -> float | None:
        """When the next held-back message is due; None: there is none."""
        while self._waiting and self._waiting[0][2].entry != self._waiting[0][1]:
            heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def _make_ready(self, held: HeldMessage) -> None:
        reader = held.key_queue.reader if held.key_queue is not None else None
        heappush(self._ready if reader is None else reader.ready, (held.rank, held.entry, held))


def _first(ready: list[tuple[int, int, HeldMessage]]) -> HeldMessage | None:
    """Find the oldest message of a heap; outdated entries before it go."""
    while ready:
        _, entry, held = ready[0]
        if held.entry == entry:
            return held
        heappop(ready)
    return None
