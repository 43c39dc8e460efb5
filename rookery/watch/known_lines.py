"""KnownLines: which readings were counted already, in bounded memory."""

from __future__ import annotations

from typing import Final

REMEMBERED: Final = 500_000
"""Readings after which a duplicate line may count again: about 100 MB at most."""


class KnownLines:
    """Remembers the newest readings by a 64-bit hash: among a million, two collide with a chance of one in forty million.

    Two sets take turns, because a set forgets its oldest member at no price only when it is dropped whole: at least
    `rows` readings are remembered, and less than twice as many.
    """

    def __init__(self, rows: int = REMEMBERED) -> None:
        """Store how many readings are remembered at least."""
        self._rows = rows
        self._newer: set[int] = set()
        self._older: set[int] = set()

    def __len__(self) -> int:
        """How many readings are remembered now."""
        return len(self._newer) + len(self._older)

    def new(self, identity: str) -> bool:
        """Whether an identity is not among those remembered; it is from now on."""
        known = hash(identity)
        if known in self._newer or known in self._older:
            return False
        if len(self._newer) >= self._rows:
            self._older, self._newer = self._newer, set()
        self._newer.add(known)
        return True
