"""Seeded faults of the kinds that at-least-once delivery allows: duplicates, delays, reordering, lost acks."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

REORDER_SECONDS: Final = 0.2
"""A message chosen for reordering is held back up to so long, so that later ones overtake it."""
_ON_TIME: Final = (0.0,)


@dataclass(frozen=True, slots=True)
class FaultShares:
    """Which share of messages suffers what: shares from 0 to 1, `delay` in seconds; raises ValueError."""

    seed: int = 0
    duplicate: float = 0.0
    delay: float = 0.0
    reorder: float = 0.0
    lost_ack: float = 0.0

    def __post_init__(self) -> None:
        shares = {"duplicate": self.duplicate, "reorder": self.reorder}
        wrong = [
            f"{name} is {share}, needed is 0 to 1" for name, share in shares.items() if not 0 <= share <= 1
        ]
        if not 0 <= self.lost_ack < 1:
            wrong.append(f"lost_ack is {self.lost_ack}, needed is 0 to less than 1")
        if not 0 <= self.delay <= 600:  # noqa: PLR2004  the sentence below says it
            wrong.append(f"delay is {self.delay}, needed is 0 to 600 seconds")
        if wrong:
            raise ValueError("; ".join(wrong))


class DeliveryFaults:
    """Throw the dice for one subscription; the same seed and name give the same faults."""

    __slots__ = ("_dice", "_late", "_shares")

    def __init__(self, shares: FaultShares, name: str = "") -> None:
        self._shares = shares
        self._dice = Random(f"{shares.seed}/{name}")  # noqa: S311  faults need repeatability, not secrecy
        self._late = bool(shares.duplicate or shares.delay or shares.reorder)

    def delays(self, *, ordered: bool, once: bool = False) -> tuple[float, ...]:
        """Seconds to hold back each copy of the next message (`once`: one alone); the order of a key is never broken."""
        if not self._late:
            return _ON_TIME
        copies = 2 if self._dice.random() < self._shares.duplicate and not once else 1
        return tuple(self._delay(ordered=ordered) for _ in range(copies))

    def _delay(self, *, ordered: bool) -> float:
        delay = self._dice.uniform(0, self._shares.delay)
        if not ordered and self._dice.random() < self._shares.reorder:
            delay += self._dice.uniform(0, REORDER_SECONDS)
        return delay

    def loses_ack(self) -> bool:
        """Whether the next ack is forgotten."""
        return bool(self._shares.lost_ack) and self._dice.random() < self._shares.lost_ack
