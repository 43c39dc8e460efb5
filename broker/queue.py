"""The messages that wait: ready ones in publish order, held-back ones by the moment they are due."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from broker.lane import Held


class Queue:
    """Put in, cancel and take out; O(log n) each. A cancelled entry stays in its heap, outdated."""

    __slots__ = ("_entries", "_ready", "_waiting")

    def __init__(self) -> None:
        self._entries = count(1)
        self._ready: list[tuple[int, int, Held]] = []
        self._waiting: list[tuple[float, int, Held]] = []

    def put(self, held: Held, due: float, now: float) -> None:
        """Queue a message for `due`; one of a key becomes its lane's queued one."""
        held.entry = next(self._entries)
        if held.lane is not None:
            held.lane.queued = held
        if due <= now:
            heappush(self._ready, (held.rank, held.entry, held))
        else:
            heappush(self._waiting, (due, held.entry, held))

    def cancel(self, held: Held) -> None:
        """Take a message out, wherever it waits."""
        held.entry = 0
        if held.lane is not None:
            held.lane.queued = None

    def promote(self, now: float) -> None:
        """Make ready what is due."""
        while self._waiting and self._waiting[0][0] <= now:
            _, entry, held = heappop(self._waiting)
            if held.entry == entry:
                heappush(self._ready, (held.rank, entry, held))

    def peek(self) -> Held | None:
        """The oldest ready message."""
        while self._ready:
            _, entry, held = self._ready[0]
            if held.entry == entry:
                return held
            heappop(self._ready)
        return None

    @property
    def next_at(self) -> float | None:
        """When the next held-back message is due; None: there is none."""
        while self._waiting and self._waiting[0][2].entry != self._waiting[0][1]:
            heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None
