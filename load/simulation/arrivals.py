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
    """`rate` readings a second at the most, in a shape of so many seconds, `rows` of them in a message."""

    shape: str
    rate: float
    seconds: float
    rows: int = 1

    def __iter__(self) -> Iterator[tuple[float, int]]:
        """Give moments, STEP_S apart, with how many messages are published at each; the last table may not be full."""
        owed = 0.0
        for now, readings in self._steps():
            owed += readings / self.rows
            # A rounding loss of the sum must not cost a message.
            count = int(owed + 1e-9)
            owed -= count
            if count:
                yield now, count
        if round(owed * self.rows):
            yield self.seconds, 1

    def _steps(self) -> Iterator[tuple[float, float]]:
        share = SHAPES[self.shape]
        for step in range(round(self.seconds / STEP_S)):
            now = step * STEP_S
            yield now, self.rate * STEP_S * share(now / self.seconds)

    @property
    def total(self) -> int:
        """How many messages that is in all."""
        return sum(count for _, count in self)

    @property
    def readings(self) -> int:
        """How many readings that is in all."""
        return round(sum(readings for _, readings in self._steps()))
