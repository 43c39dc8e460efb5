"""Scenario: the parameters of a simulation, and what it results in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rookery.broker.scheduling.backoff import RetryPolicy
from rookery.load.simulation.autoscaler import Platform

if TYPE_CHECKING:
    from rookery.load.simulation.arrivals import Arrivals
    from rookery.load.simulation.service import Service


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
