"""KillPlan: a run whose broker, workers and publishers are all killed, and how much of both there is to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rookery.load.chaos.plan import ChaosPlan

_SHORTEST_CYCLE_S: Final = 2.5


@dataclass(frozen=True, kw_only=True)
class KillPlan(ChaosPlan):
    """A plan of kills; without `readings` publishers go on until its time is over."""

    readings: int | None = None
    """Readings of all publishers together, after which the load is over."""
    kills_each: int = 0
    """How often brokers, workers and publishers are killed at least, each of the three."""

    @property
    def every_s(self) -> float:
        """From one kill to the next of the same kind."""
        if not self.kills_each:
            return max(_SHORTEST_CYCLE_S, self.seconds / self.kills)
        return self.seconds / self.kills_each

    def readings_of(self, nth: int) -> int | None:
        """How many readings a publisher has; None: no bound."""
        if self.readings is None:
            return None
        return self.readings // self.publishers + (nth < self.readings % self.publishers)
