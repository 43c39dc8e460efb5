"""Deliveries in flight: the reader of each message and its deadline."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.broker.scheduling.ordering import HeldMessage, Holder

_SLACK: Final = 1_000
"""Outdated deadlines that are let stand before the heap is cleaned."""


class Leases:
    """Open, extend, end and expire deliveries; O(log n) each."""

    __slots__ = ("_deadlines", "_open", "_serial", "_versions")

    def __init__(self, serial: Iterator[int]) -> None:
        self._serial = serial
        self._versions = count(1)
        self._open: dict[str, HeldMessage] = {}
        self._deadlines: list[tuple[float, int, str]] = []

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, ack_id: str) -> bool:
        return ack_id in self._open

    def open(self, held: HeldMessage, expires_at: float, holder: Holder | None) -> str:
        """Begin a delivery; gives its ack id."""
        ack_id = held.ack_id = str(next(self._serial))
        held.holder = holder
        if holder is not None:
            holder.messages += 1
            holder.bytes += held.message.size
        self._open[ack_id] = held
        self._set(held, ack_id, expires_at)
        return ack_id

    def extend(self, ack_id: str, expires_at: float) -> bool:
        """Move a delivery's deadline; False where it ended already."""
        held = self._open.get(ack_id)
        if held is not None:
            self._set(held, ack_id, expires_at)
        return held is not None

    def end(self, ack_id: str | None) -> HeldMessage | None:
        """End a delivery; None where it ended already."""
        held = self._open.pop(ack_id, None) if ack_id else None
        if held is None:
            return None
        held.ack_id, held.lease = None, 0
        if held.holder is not None:
            held.holder.messages -= 1
            held.holder.bytes -= held.message.size
        if held.key_queue is not None:
            held.key_queue.in_flight -= 1
        return held

    def expire(self, now: float) -> HeldMessage | None:
        """End the next delivery whose deadline has passed; None where there is none."""
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline = heappop(self._deadlines)
            if not self._is_stale(deadline):
                return self.end(deadline[2])
        return None

    @property
    def next_at(self) -> float | None:
        """The earliest deadline; None: there is none."""
        while self._deadlines and self._is_stale(self._deadlines[0]):
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _set(self, held: HeldMessage, ack_id: str, expires_at: float) -> None:
        held.expires_at = expires_at
        held.lease = next(self._versions)
        # By its id: a deadline that is outdated must not keep a message in memory.
        heappush(self._deadlines, (expires_at, held.lease, ack_id))
        if len(self._deadlines) > 2 * len(self._open) + _SLACK:
            self._deadlines = [each for each in self._deadlines if not self._is_stale(each)]
            heapify(self._deadlines)

    def _is_stale(self, deadline: tuple[float, int, str]) -> bool:
        held = self._open.get(deadline[2])
        return held is None or held.lease != deadline[1]
