"""Plan: the same readings as single messages and as tables, simulated, with the price of a million."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from rookery.capacity.flow_simulation import FlowSimulation
from rookery.capacity.scenario import Scenario
from rookery.capacity.simulation import Simulation
from rookery.errors import UserError
from rookery.load.simulation.arrivals import SHAPES, Arrivals
from rookery.load.simulation.autoscaler import Platform
from rookery.load.simulation.monthly import CloudDeployment, Load, alternatives, monthly_bill
from rookery.load.simulation.prices import Bill, Billing, Usage, bill, prices
from rookery.load.simulation.service import Service, measured
from rookery.worker.settings import PULL_DEFAULTS

if TYPE_CHECKING:
    from rookery.capacity.monthly_page import Month
    from rookery.capacity.scenario import SimulationOutcome
    from rookery.load.simulation.prices import Prices

EXACT_MESSAGES: Final = 100_000
"""Messages up to which each is simulated by itself, by the broker's own scheduler; more are simulated as flows."""

MOST_SECONDS: Final = 3600.0

PULL_FLUSH_SECONDS: Final = PULL_DEFAULTS["flush_interval_seconds"]
"""Seconds from one object to the next where messages are pulled: no push waits for them."""

PULL_FLUSH_ROWS: Final = int(PULL_DEFAULTS["flush_rows"])
"""Lines that are worth an object before."""

FLOW_PATIENCE_S: Final = 300.0
"""How long after the last publication flows are followed: a longer backlog means a deployment that is too small."""

_ROW_SHARE: Final = 40 / 131
"""Bytes of a row in a table against those of a single reading (measured: 40 and 131 bytes)."""

_PUBLISHED_TOGETHER: Final = 100
"""Messages in one publish request of Google's client, at these rates."""

_MOST_PUBLISH_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """`rate` readings a second at the most, each of `reading_bytes` as a message of its own; `rows` make a table."""

    rate: float
    reading_bytes: int = 200
    shape: str = "spike"
    seconds: float = 60.0
    rows: int = 1000
    egress_share: float = 0.0
    deployment: CloudDeployment = field(default_factory=CloudDeployment)
    service: Service = field(default_factory=measured)

    @property
    def platform(self) -> Platform:
        """The deployment's settings that Cloud Run scales by."""
        chosen = self.deployment
        return Platform(
            concurrency=chosen.concurrency,
            min_instances=chosen.min_instances,
            max_instances=chosen.max_instances,
        )

    def message_bytes(self, rows: int) -> int:
        """Bytes of a message of so many readings."""
        return self.reading_bytes if rows == 1 else round(rows * self.reading_bytes * _ROW_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """One way of sending, simulated: `rows` readings a message."""

    name: str
    rows: int
    readings: int
    """Readings that became durable; the last table may not be full."""

    outcome: SimulationOutcome
    bill: Bill


def ask(question: PlanRequest, known: Prices | None = None) -> list[PlanResult]:
    """Simulate single readings and tables; raises UserError for what cannot be simulated."""
    ways = [("one by one", 1), (f"tables of {question.rows:,}", question.rows)]
    _check(question)
    return [_answer(question, name, rows, known or prices(question.deployment.region)) for name, rows in ways]


def months(question: PlanRequest, known: Prices, rows: int = 1) -> list[Month]:
    """Price a month at the full rate, the deployment's own way first."""
    load = load_of(question, rows)
    ways = alternatives(
        question.deployment, pull_flush_seconds=PULL_FLUSH_SECONDS, pull_flush_rows=PULL_FLUSH_ROWS
    )
    return [(each, monthly_bill(each, load, question.service, known)) for each in ways]


def load_of(question: PlanRequest, rows: int = 1) -> Load:
    """The steady load of a month."""
    return Load(
        rate=question.rate,
        rows=rows,
        message_bytes=question.message_bytes(rows),
        egress_share=question.egress_share,
    )


def _check(question: PlanRequest) -> None:
    if question.shape not in SHAPES:
        raise UserError(f"{question.shape} is no shape.", hint=f"{', '.join(SHAPES)} are.")
    if not 0 < question.seconds <= MOST_SECONDS:
        raise UserError(
            f"{question.seconds:g} s are to be simulated; up to {MOST_SECONDS:g} can be.",
            hint="--seconds says for how long; a steady state shows after a minute.",
        )
    if not Arrivals(question.shape, question.rate, question.seconds).readings:
        raise UserError("0 readings are to be simulated.", hint="--rate or --seconds is too small.")


def _answer(question: PlanRequest, name: str, rows: int, known: Prices) -> PlanResult:
    arrivals = Arrivals(question.shape, question.rate, question.seconds, rows)
    scenario = Scenario(arrivals=arrivals, service=question.service, platform=question.platform, rows=rows)
    if arrivals.total <= EXACT_MESSAGES:
        outcome = Simulation(scenario).run()
    else:
        outcome = FlowSimulation(replace(scenario, patience=FLOW_PATIENCE_S)).run()
    readings = arrivals.readings if outcome.acked == outcome.published else outcome.acked * rows
    usage = _usage(question, outcome, readings, question.message_bytes(rows))
    priced = bill(usage, known, question.deployment.billing)
    return PlanResult(name=name, rows=rows, readings=readings, outcome=outcome, bill=priced)


def _usage(question: PlanRequest, outcome: SimulationOutcome, readings: int, size: int) -> Usage:
    together = max(1, min(_PUBLISHED_TOGETHER, _MOST_PUBLISH_BYTES // size))
    # A start is billed like a request's time: the container's CPU is on.
    by_request = question.deployment.billing is Billing.REQUEST
    billed = outcome.active if by_request else sum(each.instances for each in outcome.seconds)
    billed += outcome.starts * question.service.start
    return Usage(
        readings=readings,
        publishes=math.ceil(outcome.published / together),
        publish_bytes=outcome.published * size,
        pushes=outcome.delivered,
        push_bytes=size,
        vcpu_seconds=billed * question.deployment.vcpu,
        gib_seconds=billed * question.deployment.gib,
        objects=outcome.objects,
    )
