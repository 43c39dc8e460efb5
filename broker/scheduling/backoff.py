"""How long to wait after failures: the whole subscription's push backoff, and one message's retry policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHORTEST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 60.0
_RELIEF: Final = 0.8
"""Factor of the delay after each ack: about three acks undo the doubling of one nack."""


class PushBackoff:
    """Hold back every push of a subscription after a nack or an expired deadline: 100 ms to 60 s, doubling.

    Failures of pushes that were sent before the last rise count once and do not raise it further.
    """

    __slots__ = ("_raised_at", "delay", "until")

    def __init__(self) -> None:
        self.delay = 0.0
        self.until = float("-inf")
        self._raised_at = float("-inf")

    def failed(self, sent_at: float, now: float) -> None:
        """Note a failure: stop all pushes for the doubled delay."""
        if sent_at < self._raised_at:
            return
        self.delay = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, self.delay * 2))
        self.until = now + self.delay
        self._raised_at = now

    def acked(self, sent_at: float) -> None:
        """Note a success: the next failure waits less."""
        if self.delay and sent_at >= self._raised_at:
            eased = self.delay * _RELIEF
            self.delay = eased if eased >= SHORTEST_SECONDS else 0.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """One message's wait before its next attempt, doubling from `minimum` to `maximum` seconds."""

    minimum: float = 10.0
    maximum: float = 600.0

    def delay(self, attempts: int) -> float:
        """Seconds to wait after so many attempts (1 or more)."""
        return min(self.maximum, self.minimum * 2.0 ** min(attempts - 1, 64))
