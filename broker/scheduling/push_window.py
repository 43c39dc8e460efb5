"""Push window: the number of pushes that one subscription may have in flight.

Google documents the shape (a slow start from a small number, exponential growth on success, shrinking on
failure, linear growth beyond 3,000 while more than 99 % are acked within a mean of one second) and not the
constants; those below are ours.
"""

from __future__ import annotations

from typing import Final

START: Final = 5.0
SMALLEST: Final = 1.0
CAP: Final = 3_000.0
"""Where exponential growth ends, and what a window beyond it falls back to."""
LINEAR_STEP: Final = 100.0
"""Pushes that a window beyond the cap gains in one round trip."""
HEALTHY_SHARE: Final = 0.99
HEALTHY_LATENCY_SECONDS: Final = 1.0
MOST_PUSHES: Final = 256
"""A bound for one machine, well below the 1,024 open files that a process may often have."""
_MEMORY: Final = 1 / 200


class PushWindow:
    """Grow with acks, halve once a round trip on failure; times in seconds of the caller's clock.

    `most` bounds it where every push is a connection of one machine; production has no such bound (None).
    """

    __slots__ = ("_latency", "_most", "_share", "_shrunk_at", "_size")

    def __init__(self, most: int | None = None) -> None:
        self._most = float("inf") if most is None else float(most)
        self._size = min(START, self._most)
        self._shrunk_at = float("-inf")
        self._share = 1.0
        self._latency = 0.0

    @property
    def size(self) -> int:
        """How many pushes may be outstanding now."""
        return int(self._size)

    @property
    def healthy(self) -> bool:
        """Whether the endpoint keeps the terms for a window beyond the cap."""
        return self._share > HEALTHY_SHARE and self._latency < HEALTHY_LATENCY_SECONDS

    def acked(self, sent_at: float, now: float, *, outstanding: int) -> None:
        """Note a success; `outstanding` counts it still. A window that is not used does not grow."""
        self._share += (1.0 - self._share) * _MEMORY
        self._latency += (now - sent_at - self._latency) * _MEMORY
        if self._size > CAP and not self.healthy:
            self._size = CAP
        elif outstanding * 2 >= self._size:
            self._grow()

    def _grow(self) -> None:
        if self._size < CAP:
            self._size = min(CAP, self._most, self._size + 1)
        elif self.healthy:
            self._size = min(self._most, self._size + LINEAR_STEP / self._size)

    def failed(self, sent_at: float, now: float) -> None:
        """Note a failure; failures of pushes sent before the last shrinking count once."""
        self._share -= self._share * _MEMORY
        if sent_at >= self._shrunk_at:
            self._size = max(SMALLEST, min(CAP, self._size / 2))
            self._shrunk_at = now
