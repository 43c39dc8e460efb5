"""FlowWindow: the push window and the push backoff for many messages at once, by the broker's own constants."""

from __future__ import annotations

import math
from typing import Final

from rookery.broker.scheduling.backoff import PushBackoff
from rookery.broker.scheduling.push_window import (
    CAP,
    HEALTHY_LATENCY_SECONDS,
    HEALTHY_SHARE,
    LINEAR_STEP,
    SMALLEST,
    START,
)

_MEMORY: Final = 1 / 200
"""The weight of the latest push in the window's means (rookery.broker.scheduling.push_window)."""

_EASES_BACKOFF: Final = 32
"""Acknowledgements after which the longest backoff is gone."""


class FlowWindow:
    """Grow with acknowledged cohorts, halve once a round trip on failure; times in seconds of the caller's clock."""

    __slots__ = ("_latency", "_share", "_shrunk_at", "backoff", "exact")

    def __init__(self) -> None:
        self.exact = START
        self.backoff = PushBackoff()
        self._shrunk_at = float("-inf")
        self._share = 1.0
        self._latency = 0.0

    @property
    def size(self) -> int:
        """How many pushes may be outstanding now."""
        return int(self.exact)

    def acked(self, count: int, sent_at: float, now: float, *, outstanding: int) -> None:
        """Note so many successes; `outstanding` counts them still. A window that is not used does not grow."""
        weight = 1.0 - (1.0 - _MEMORY) ** count
        self._share += (1.0 - self._share) * weight
        self._latency += (now - sent_at - self._latency) * weight
        for _ in range(min(count, _EASES_BACKOFF) if self.backoff.delay else 0):
            self.backoff.acked(sent_at)
        healthy = self._share > HEALTHY_SHARE and self._latency < HEALTHY_LATENCY_SECONDS
        if self.exact > CAP and not healthy:
            self.exact = CAP
            return
        if self.exact < CAP:
            # Each acknowledgement adds one, and is one less outstanding, until half of the window is unused.
            grown = max(0, min(count, int((2 * outstanding - self.exact) // 3) + 1))
            grown = min(grown, math.ceil(CAP - self.exact))
            self.exact = min(CAP, self.exact + grown)
            count, outstanding = count - grown, outstanding - grown
        if self.exact >= CAP and healthy and count > 0:
            used = max(0.0, min(count, outstanding - self.exact / 2 + 1))
            # The sum of LINEAR_STEP / size over so many acknowledgements.
            self.exact = math.sqrt(self.exact**2 + 2 * LINEAR_STEP * used)

    def failed(self, count: int, sent_at: float, now: float) -> None:
        """Note so many failures; failures of pushes sent before the last shrinking count once."""
        self._share *= (1.0 - _MEMORY) ** count
        self.backoff.failed(sent_at, now)
        if sent_at >= self._shrunk_at:
            self.exact = max(SMALLEST, min(CAP, self.exact / 2))
            self._shrunk_at = now
