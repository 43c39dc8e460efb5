"""KillPlan: a run whose broker, workers and publishers are all killed, and how much of both there is to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.load.chaos.plan import ChaosPlan

if TYPE_CHECKING:
    from collections.abc import Iterator

_KILL_EVERY_S: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class KillPlan(ChaosPlan):
    """A plan of kills, all within the load: its time, or with `readings` until so many are published and have a result."""

    readings: int | None = None
    """Readings of all publishers together that `publish` is to return for."""
    kills_each: int | None = None
    """How often brokers, workers and publishers are killed, each of the three; None: once in some seconds."""

    def readings_of(self, nth: int) -> int | None:
        """How many readings a publisher has; None: no bound."""
        if self.readings is None:
            return None
        return self.readings // self.publishers + (nth < self.readings % self.publishers)

    def kills_at(self, kind: str, nth: int, programs: int) -> Iterator[float]:
        """When one of the programs of a kind is killed, as shares of the load from 0 to 1, rising."""
        kills = int(self.seconds / _KILL_EVERY_S) if self.kills_each is None else self.kills_each
        dice = self.dice(f"kills of {kind}")
        yield from sorted(dice.random() for _ in range(kills))[nth::programs]
