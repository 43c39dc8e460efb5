"""Simulation: messages through the broker's own subscription to a simulated fleet, under a clock that jumps."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final

from rookery.broker.scheduling.backoff import RetryPolicy
from rookery.broker.scheduling.messages import MessageDraft
from rookery.broker.scheduling.rules import Rules
from rookery.broker.topics.topic_router import TopicRouter
from rookery.load.percentile import percentile
from rookery.load.simulation.fleet import Fleet, Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rookery.broker.scheduling.messages import Delivery
    from rookery.load.simulation.arrivals import Arrivals
    from rookery.load.simulation.service import Service

TOPIC: Final = "projects/simulated/topics/readings"
SUBSCRIPTION: Final = "projects/simulated/subscriptions/readings-worker"
_SECOND: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The parameters of a simulation. Each message holds `rows` readings; `network` is one way between Pub/Sub and the service.

    `most_pushes` bounds the push window (None: production's rules). `patience` is how long after the last
    publication a backlog may take.
    """

    arrivals: Arrivals
    service: Service
    platform: Platform = field(default_factory=Platform)
    rows: int = 1
    network: float = 0.005
    ack_deadline: float = 60.0
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(1.0, 60.0))
    most_pushes: int | None = None
    patience: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSecond:
    """One simulated second: messages so far, how things stand, and latencies (s) of what was acked in it."""

    at: float
    published: int
    acked: int
    backlog: int
    window: int
    instances: int
    pending: int
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOutcome:
    """The result of a scenario; `finished_at` is when the last message was acked, `active` the instances' billed seconds."""

    seconds: list[SimulatedSecond]
    published: int
    acked: int
    delivered: int
    nacked: int
    expired: int
    finished_at: float
    objects: int
    active: float
    starts: int
    most_instances: int
    p50: float
    p99: float

    @property
    def throughput(self) -> float:
        """Messages a second, from the first publication to the last ack."""
        return self.acked / self.finished_at if self.finished_at else 0.0


class Simulation:
    """Runs one scenario once."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._exchange = TopicRouter(most_pushes=scenario.most_pushes)
        self._exchange.add_topic(TOPIC)
        rules = Rules(push=True, ack_deadline=scenario.ack_deadline, retry=scenario.retry)
        self._subscription = self._exchange.subscribe(SUBSCRIPTION, TOPIC, rules)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._serial = count()
        self._alarm = float("inf")
        self._fleet: Fleet[Delivery] = Fleet(
            scenario.service,
            scenario.platform,
            scenario.rows,
            at=self._at,
            answered=self._answered,
            refused=self._refused,
        )
        self._arrivals: Iterator[tuple[float, int]] = iter(scenario.arrivals)
        self._publishing = True
        self._published = 0
        self._acked = 0
        self._finished_at = 0.0
        self._ages: list[float] = []
        self._every_age: list[float] = []
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
        return self._outcome(now)

    def _at(self, moment: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._serial), act))

    def _next_arrival(self) -> None:
        moment = next(self._arrivals, None)
        if moment is None:
            self._publishing = False
        else:
            self._at(moment[0], lambda now: self._publish(moment[1], now))

    def _publish(self, messages: int, now: float) -> None:
        self._exchange.publish(TOPIC, [_DRAFT] * messages, now)
        self._published += messages
        self._next_arrival()
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

    def _second(self, now: float) -> None:
        self._fleet.scale(now)
        ages = sorted(self._ages)
        self._every_age += self._ages
        self._ages = []
        standing = self._subscription
        self._seconds.append(
            SimulatedSecond(
                at=now,
                published=self._published,
                acked=self._acked,
                backlog=standing.backlog + standing.outstanding,
                window=standing.window.size,
                instances=self._fleet.ready,
                pending=self._fleet.pending,
                p50=percentile(ages, 0.50),
                p99=percentile(ages, 0.99),
            )
        )
        self._at(now + _SECOND, self._second)

    def _outcome(self, now: float) -> SimulationOutcome:
        self._second(now)
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
