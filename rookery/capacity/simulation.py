"""Simulation: messages through the broker's own subscription to a simulated fleet, under a clock that jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.broker.scheduling.messages import MessageDraft
from rookery.broker.scheduling.rules import Rules
from rookery.broker.topics.topic_router import TopicRouter
from rookery.capacity.scenario import SimulationOutcome
from rookery.capacity.scenario_run import ScenarioRun
from rookery.load.percentile import percentile
from rookery.load.simulation.fleet import Fleet

if TYPE_CHECKING:
    from rookery.broker.scheduling.messages import Delivery
    from rookery.capacity.scenario import Scenario

TOPIC: Final = "projects/simulated/topics/readings"
SUBSCRIPTION: Final = "projects/simulated/subscriptions/readings-worker"


class Simulation(ScenarioRun):
    """Simulates each message by itself."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._exchange = TopicRouter(most_pushes=scenario.most_pushes)
        self._exchange.add_topic(TOPIC)
        rules = Rules(push=True, ack_deadline=scenario.ack_deadline, retry=scenario.retry)
        self._subscription = self._exchange.subscribe(SUBSCRIPTION, TOPIC, rules)
        self._alarm = float("inf")
        self._instances: Fleet[Delivery] = Fleet(
            scenario.service,
            scenario.platform,
            scenario.rows,
            at=self._at,
            answered=self._answered,
            refused=self._refused,
        )
        self._ages: list[float] = []
        self._every_age: list[float] = []

    @property
    def _fleet(self) -> Fleet[Delivery]:
        return self._instances

    def _publish(self, messages: int, now: float) -> None:
        self._exchange.publish(TOPIC, [_DRAFT] * messages, now)
        self._pump(now)

    def _pump(self, now: float) -> None:
        """Send what may go now, and come back when more may."""
        if deliveries := self._subscription.take(now):
            self._at(now + self._scenario.network, lambda then: self._fleet.arrive(deliveries, then))
        wake_at = self._subscription.wake_at(now)
        if wake_at is not None and (wake_at < self._alarm or self._alarm <= now):
            self._alarm = max(wake_at, now)
            self._at(self._alarm, self._wake)

    def _wake(self, now: float) -> None:
        if now >= self._alarm:
            self._alarm = float("inf")
        self._pump(now)

    def _answered(self, deliveries: list[Delivery], now: float) -> None:
        self._at(now + self._scenario.network, lambda then: self._ack(deliveries, then))

    def _refused(self, deliveries: list[Delivery], now: float) -> None:
        self._at(now + self._scenario.network, lambda then: self._nack(deliveries, then))

    def _ack(self, deliveries: list[Delivery], now: float) -> None:
        for each in deliveries:
            if self._subscription.ack(each.ack_id, now):
                self._acked += 1
                self._ages.append(now - each.message.published_at)
                self._finished_at = now
        self._pump(now)

    def _nack(self, deliveries: list[Delivery], now: float) -> None:
        for each in deliveries:
            self._subscription.nack(each.ack_id, now)
        self._pump(now)

    def _standing(self) -> tuple[int, int]:
        standing = self._subscription
        return standing.backlog + standing.outstanding, standing.window.size

    def _latest_ages(self) -> tuple[float | None, float | None]:
        ages = sorted(self._ages)
        self._every_age += self._ages
        self._ages = []
        return percentile(ages, 0.50), percentile(ages, 0.99)

    def _outcome(self, now: float) -> SimulationOutcome:
        instances = self._fleet.everyone
        standing = self._subscription.standing()
        ages = sorted(self._every_age)
        return SimulationOutcome(
            seconds=self._seconds,
            published=self._published,
            acked=self._acked,
            delivered=standing.delivered,
            nacked=standing.nacked,
            expired=standing.expired,
            finished_at=self._finished_at,
            objects=sum(each.objects for each in instances),
            active=sum(each.active(now) for each in instances),
            starts=self._fleet.starts,
            most_instances=max(each.instances for each in self._seconds),
            p50=percentile(ages, 0.50) or 0.0,
            p99=percentile(ages, 0.99) or 0.0,
        )


_DRAFT: Final = MessageDraft()
