"""ScenarioRun: the clock of a simulation, which jumps from event to event: arrivals, the seconds, and whatever comes of them."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from rookery.capacity.scenario import SimulatedSecond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rookery.capacity.scenario import Scenario, SimulationOutcome

_SECOND: Final = 1.0


class ScaledFleet(Protocol):
    """The instances of a run."""

    @property
    def ready(self) -> int:
        """Instances that take messages."""

    @property
    def pending(self) -> int:
        """Messages that no instance could take."""

    def scale(self, now: float) -> None:
        """A second has passed."""


class ScenarioRun(ABC):
    """Runs one scenario once; a way of simulation says what becomes of published messages."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._serial = count()
        self._arrivals: Iterator[tuple[float, int]] = iter(scenario.arrivals)
        self._publishing = True
        self._published = 0
        self._acked = 0
        self._finished_at = 0.0
        self._seconds: list[SimulatedSecond] = []

    def run(self) -> SimulationOutcome:
        """Let time pass until everything is acked, or patience ends."""
        self._next_arrival()
        self._at(_SECOND, self._second)
        until = self._scenario.arrivals.seconds + self._scenario.patience
        now = 0.0
        while self._events and (self._publishing or self._acked < self._published) and now <= until:
            now, _, act = heapq.heappop(self._events)
            act(now)
        self._second(now)
        return self._outcome(now)

    @property
    @abstractmethod
    def _fleet(self) -> ScaledFleet:
        """The instances."""

    @abstractmethod
    def _publish(self, messages: int, now: float) -> None:
        """So many messages are published now."""

    @abstractmethod
    def _standing(self) -> tuple[int, int]:
        """Count the messages that are not acked, and the size of the push window."""

    @abstractmethod
    def _latest_ages(self) -> tuple[float | None, float | None]:
        """Give p50 and p99 of what was acked since this was last asked."""

    @abstractmethod
    def _outcome(self, now: float) -> SimulationOutcome:
        """Add everything up."""

    def _at(self, moment: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._serial), act))

    def _next_arrival(self) -> None:
        moment = next(self._arrivals, None)
        if moment is None:
            self._publishing = False
        else:
            self._at(moment[0], lambda now: self._arrived(moment[1], now))

    def _arrived(self, messages: int, now: float) -> None:
        self._published += messages
        self._next_arrival()
        self._publish(messages, now)

    def _second(self, now: float) -> None:
        self._fleet.scale(now)
        backlog, window = self._standing()
        p50, p99 = self._latest_ages()
        self._seconds.append(
            SimulatedSecond(
                at=now,
                published=self._published,
                acked=self._acked,
                backlog=backlog,
                window=window,
                instances=self._fleet.ready,
                pending=self._fleet.pending,
                p50=p50,
                p99=p99,
            )
        )
        self._at(now + _SECOND, self._second)
