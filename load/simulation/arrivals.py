"""Arrivals: how many messages are published in each moment of a simulated shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STEP_S: Final = 0.01


def _steady(_share: float) -> float:
    return 1.0


def _climbing(share: float) -> float:
    return min(1.0, share / 0.75)


def _spiking(share: float) -> float:
    return 1.0 if 0.25 <= share < 0.5 else 0.1  # noqa: PLR2004  the second quarter


SHAPES: Final[Mapping[str, Callable[[float], float]]] = {
    "steady": _steady,
    "stress": _climbing,
    "spike": _spiking,
}
"""The share of the full rate at each share of the time: steady; climbing for three quarters; or a second quarter of
full rate between a tenth."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """`rate` messages a second at the most, in a shape of so many seconds."""

    shape: str
    rate: float
    seconds: float

    def __iter__(self) -> Iterator[tuple[float, int]]:
        """Give moments, STEP_S apart, with how many messages are published at each."""
        share = SHAPES[self.shape]
        owed = 0.0
        for step in range(round(self.seconds / STEP_S)):
            now = step * STEP_S
            owed += self.rate * STEP_S * share(now / self.seconds)
            # A rounding loss of the sum must not cost a message.
            count = int(owed + 1e-9)
            owed -= count
            if count:
                yield now, count

    @property
    def total(self) -> int:
        """How many messages that is in all."""
        return sum(count for _, count in self)
