"""RetryDelay: exponential backoff with jitter, so that many workers do not return at the same moment."""

from __future__ import annotations

import random
from typing import Final

_FACTOR: Final = 2.0


class RetryDelay:
    """Delays in seconds that grow from `first` to at most `longest`; each is between half of its bound and its bound."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._bound = first

    def next(self) -> float:
        """Return the next delay."""
        bound, self._bound = self._bound, min(self._bound * _FACTOR, self._longest)
        return random.uniform(bound / 2, bound)  # noqa: S311  jitter, no secret

    def reset(self) -> None:
        """Begin again with the first delay."""
        self._bound = self._first
