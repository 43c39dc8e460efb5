"""FlowSimulation: a scenario as flows of counted messages, for rates at which single messages are too many."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from rookery.capacity.flow_window import FlowWindow
from rookery.capacity.scenario import SimulationOutcome
from rookery.capacity.scenario_run import ScenarioRun
from rookery.load.simulation.cohorts import Cohort, CohortQueue, counted
from rookery.load.simulation.flow_fleet import FlowFleet

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.capacity.scenario import Scenario

_AGE_DIGITS: Final = 2
"""Latencies are counted to a hundredth of a second, so that their number is bounded."""


class FlowSimulation(ScenarioRun):
    """Simulates cohorts of messages; its results are those of `Simulation` within 5 % (tests/rookery/capacity)."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._window = FlowWindow()
        self._groups = FlowFleet(
            scenario.service,
            scenario.platform,
            scenario.rows,
            at=self._at,
            answered=lambda cohorts, now: self._later(self._ack, cohorts, now),
            refused=lambda cohorts, now: self._later(self._nack, cohorts, now),
        )
        self._backlog = CohortQueue()
        self._outstanding = 0
        self._delivered = 0
        self._nacked = 0
        self._ages: Counter[float] = Counter()
        self._every_age: Counter[float] = Counter()

    @property
    def _fleet(self) -> FlowFleet:
        return self._groups

    def _later(self, act: Callable[[list[Cohort], float], None], cohorts: list[Cohort], now: float) -> None:
        self._at(now + self._scenario.network, lambda then: act(cohorts, then))

    def _publish(self, messages: int, now: float) -> None:
        self._backlog.put([Cohort(messages, now)])
        self._pump(now)

    def _pump(self, now: float) -> None:
        if now < self._window.backoff.until:
            return
        sent = self._backlog.take(self._window.size - self._outstanding)
        if not sent:
            return
        for each in sent:
            each.sent_at = now
            each.attempts += 1
        messages = counted(sent)
        self._outstanding += messages
        self._delivered += messages
        self._later(self._fleet.arrive, sent, now)

    def _ack(self, cohorts: list[Cohort], now: float) -> None:
        for each in cohorts:
            self._window.acked(each.count, each.sent_at, now, outstanding=self._outstanding)
            self._outstanding -= each.count
            self._acked += each.count
            self._ages[round(now - each.published_at, _AGE_DIGITS)] += each.count
        self._finished_at = now
        self._pump(now)

    def _nack(self, cohorts: list[Cohort], now: float) -> None:
        for each in cohorts:
            self._window.failed(each.count, each.sent_at, now)
            self._outstanding -= each.count
            self._nacked += each.count
            delay = self._scenario.retry.delay(each.attempts)
            self._at(now + delay, partial(self._retry, each))
        self._at(self._window.backoff.until, self._pump)

    def _retry(self, cohort: Cohort, now: float) -> None:
        self._backlog.put_first([cohort])
        self._pump(now)

    def _standing(self) -> tuple[int, int]:
        return self._backlog.count + self._outstanding, self._window.size

    def _latest_ages(self) -> tuple[float | None, float | None]:
        latest = _percentile(self._ages, 0.50), _percentile(self._ages, 0.99)
        self._every_age.update(self._ages)
        self._ages.clear()
        return latest

    def _outcome(self, now: float) -> SimulationOutcome:
        groups = self._fleet.everyone
        for each in groups:
            each.measure(now)
        return SimulationOutcome(
            seconds=self._seconds,
            published=self._published,
            acked=self._acked,
            delivered=self._delivered,
            nacked=self._nacked,
            expired=0,
            finished_at=self._finished_at,
            objects=sum(each.objects for each in groups),
            active=sum(each.active_seconds for each in groups),
            starts=self._fleet.starts,
            most_instances=max(each.instances for each in self._seconds),
            p50=_percentile(self._every_age, 0.50) or 0.0,
            p99=_percentile(self._every_age, 0.99) or 0.0,
        )


def _percentile(ages: Counter[float], share: float) -> float | None:
    """The age (s) that so large a share of the counted messages does not exceed; None where there are none."""
    left = share * ages.total()
    for age in sorted(ages):
        left -= ages[age]
        if left <= 0:
            return age
    return None
