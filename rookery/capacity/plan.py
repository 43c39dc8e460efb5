"""Plan: the same readings as single messages and as tables, simulated, with the price of a million."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rookery.capacity.simulation import Scenario, Simulation
from rookery.errors import UserError
from rookery.load.simulation.arrivals import SHAPES, Arrivals
from rookery.load.simulation.fleet import Platform
from rookery.load.simulation.prices import Bill, Usage, bill, prices
from rookery.load.simulation.service import Service, measured

if TYPE_CHECKING:
    from rookery.capacity.simulation import SimulationOutcome
    from rookery.load.simulation.prices import Prices

MOST_MESSAGES: Final = 5_000_000
"""The largest simulation: minutes of one core, and a gigabyte of memory."""

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
    vcpu: float = 1.0
    gib: float = 0.5
    platform: Platform = field(default_factory=Platform)
    service: Service = field(default_factory=measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """One way of sending, simulated: `rows` readings a message."""

    name: str
    rows: int
    outcome: SimulationOutcome
    bill: Bill

    @property
    def readings(self) -> int:
        """Readings that became durable."""
        return self.outcome.acked * self.rows


def ask(question: PlanRequest, known: Prices | None = None) -> list[PlanResult]:
    """Simulate single readings and tables; raises UserError for what cannot be simulated."""
    ways = [("one by one", 1), (f"tables of {question.rows:,}", question.rows)]
    _check(question)
    return [_answer(question, name, rows, known or prices()) for name, rows in ways]


def _check(question: PlanRequest) -> None:
    if question.shape not in SHAPES:
        raise UserError(f"{question.shape} is no shape.", hint=f"{', '.join(SHAPES)} are.")
    messages = Arrivals(question.shape, question.rate, question.seconds).total
    if not 0 < messages <= MOST_MESSAGES:
        raise UserError(
            f"{messages:,} messages are to be simulated; 1 to {MOST_MESSAGES:,} can be.",
            hint="--seconds says for how long; a steady state shows after a minute.",
        )


def _answer(question: PlanRequest, name: str, rows: int, known: Prices) -> PlanResult:
    # A little more than asked, so that even the slowest rate sends one table.
    rate = max(question.rate / rows, 10 / question.seconds)
    arrivals = Arrivals(question.shape, rate, question.seconds)
    scenario = Scenario(arrivals=arrivals, service=question.service, platform=question.platform, rows=rows)
    outcome = Simulation(scenario).run()
    size = question.reading_bytes if rows == 1 else round(rows * question.reading_bytes * _ROW_SHARE)
    return PlanResult(
        name=name, rows=rows, outcome=outcome, bill=bill(_usage(question, outcome, rows, size), known)
    )


def _usage(question: PlanRequest, outcome: SimulationOutcome, rows: int, size: int) -> Usage:
    together = max(1, min(_PUBLISHED_TOGETHER, _MOST_PUBLISH_BYTES // size))
    # A start is billed like a request's time: the container's CPU is on.
    active = outcome.active + outcome.starts * question.service.start
    return Usage(
        readings=outcome.acked * rows,
        publishes=math.ceil(outcome.published / together),
        publish_bytes=outcome.published * size,
        pushes=outcome.delivered,
        push_bytes=size,
        vcpu_seconds=active * question.vcpu,
        gib_seconds=active * question.gib,
        objects=outcome.objects,
    )
