"""InstanceGroup: instances that became ready together and get equal shares, simulated as one.

Each step is `SimulatedInstance`'s, done for all instances of the group at once, so that the work of a simulation depends
on the number of groups and not on the number of messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.load.simulation.cohorts import Cohort, CohortQueue, counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.load.simulation.service import Service


class InstanceGroup:
    """`weight` instances; `busy`, `objects` and `active_seconds` are sums over all of them.

    `at(moment, act)` calls `act(moment)` then; `answered(cohorts, moment)` hears of messages that are durable.
    """

    def __init__(  # noqa: PLR0913  the parts of SimulatedInstance, and how many there are
        self,
        service: Service,
        rows: int,
        weight: int,
        *,
        at: Callable[[float, Callable[[float], None]], None],
        answered: Callable[[list[Cohort], float], None],
        ready_at: float,
    ) -> None:
        self.weight = weight
        self.in_flight = 0
        self.busy = 0.0
        self.objects = 0
        self.idle_since = ready_at
        self.active_seconds = 0.0
        self._service = service
        self._rows = rows
        self._at = at
        self._answered = answered
        self._waiting = CohortQueue()
        self._working = False
        self._gathered = CohortQueue()
        self._writing = False
        self._next_write = ready_at
        self._measured_at = ready_at

    def take(self, cohorts: list[Cohort], now: float) -> None:
        """Take messages in, an equal share for each instance."""
        self.measure(now)
        self.in_flight += counted(cohorts)
        self._waiting.put(cohorts)
        # The first message of an idle instance goes alone, the others wait for its batch.
        self._work(now, messages=1)

    def measure(self, now: float) -> None:
        """Count the seconds of the instances that have a message."""
        self.active_seconds += min(self.weight, self.in_flight) * (now - self._measured_at)
        self._measured_at = now

    def _work(self, now: float, messages: int) -> None:
        if self._working or not self._waiting.count:
            return
        self._working = True
        batch = self._waiting.take(messages * self.weight)
        count = counted(batch)
        instances = min(self.weight, count)
        seconds = self._service.seconds(count / instances, count / instances * self._rows)
        self.busy += seconds * instances
        self._at(now + seconds, lambda then: self._gather(batch, then))

    def _gather(self, batch: list[Cohort], now: float) -> None:
        self._working = False
        self._gathered.put(batch)
        self._write(now)
        self._work(now, messages=max(1, self._service.batch_rows // self._rows))

    def _write(self, now: float) -> None:
        if self._writing or not self._gathered.count:
            return
        instances = min(self.weight, self._gathered.count)
        enough = self._gathered.count / instances * self._rows >= self._service.flush_rows
        self._writing = True
        self._at(now if enough else max(now, self._next_write), self._begin_write)

    def _begin_write(self, now: float) -> None:
        block = self._gathered.take(self._gathered.count)
        self._next_write = now + self._service.flush_interval_seconds
        self.objects += min(self.weight, counted(block))
        self._at(now + self._service.write, lambda then: self._written(block, then))

    def _written(self, block: list[Cohort], now: float) -> None:
        self._writing = False
        self.measure(now)
        self.in_flight -= counted(block)
        if not self.in_flight:
            self.idle_since = now
        self._answered(block, now)
        self._write(now)
