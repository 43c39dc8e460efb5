"""The simulated Cloud Run: group commit, a coalescing sink, concurrency, waiting and scaling."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import pytest

from rookery.load.simulation.arrivals import SHAPES, Arrivals
from rookery.load.simulation.autoscaler import Platform
from rookery.load.simulation.fleet import Fleet
from rookery.load.simulation.prices import Usage, bill, prices
from rookery.load.simulation.service import Service, measured

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Service(
    per_batch=1.0, per_message=0.1, per_row=0.0, start=2.0, write=0.5, flush_interval_seconds=0.0
)
BUCKET = Service(
    per_batch=0.01, per_message=0.0, per_row=0.0, start=2.0, write=0.1, flush_interval_seconds=1.0
)


@dataclass
class World:
    """Simulated time around one fleet; `answers` are (moment, request)."""

    service: Service
    platform: Platform
    events: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    answers: list[tuple[float, str]] = field(default_factory=list)
    refusals: list[tuple[float, str]] = field(default_factory=list)
    serial: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.fleet: Fleet[str] = Fleet(
            self.service,
            self.platform,
            1,
            at=self.at,
            answered=lambda requests, now: self.answers.extend((round(now, 6), each) for each in requests),
            refused=lambda requests, now: self.refusals.extend((now, each) for each in requests),
        )

    def at(self, moment: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self.events, (moment, next(self.serial), act))

    def run(self, until: float) -> None:
        while self.events and self.events[0][0] <= until:
            moment, _, act = heapq.heappop(self.events)
            act(moment)


def test_what_comes_during_a_batch_goes_together() -> None:
    """Group commit: the first request goes alone, the two that come meanwhile share the next batch."""
    world = World(FOLDER, Platform(min_instances=1))
    world.fleet.arrive(["a"], 0.0)
    world.at(0.5, lambda now: world.fleet.arrive(["b", "c"], now))
    world.run(100)
    assert world.answers == [(1.6, "a"), (3.3, "b"), (3.3, "c")]


def test_a_bucket_is_written_to_at_its_pace() -> None:
    """One object begins each second however many batches there are; enough lines are worth one at once."""
    world = World(BUCKET, Platform(min_instances=1))
    for nth in range(20):
        world.at(nth / 10, lambda now, nth=nth: world.fleet.arrive([str(nth)], now))
    world.run(100)
    (instance,) = world.fleet.everyone
    assert instance.objects == 3
    assert len(world.answers) == 20
    hurried = World(
        Service(per_batch=0.01, per_message=0, per_row=0, write=0.1, flush_rows=1),
        Platform(min_instances=1),
    )
    hurried.at(0.0, lambda now: hurried.fleet.arrive(["a"], now))
    hurried.at(0.15, lambda now: hurried.fleet.arrive(["b"], now))
    hurried.run(100)
    assert hurried.answers == [(0.11, "a"), (0.26, "b")]


def test_a_cold_start_delays_the_first() -> None:
    """From nothing, a request waits for the start of an instance; while one starts no other is asked for."""
    world = World(FOLDER, Platform())
    world.fleet.arrive(["a", "b"], 0.0)
    world.run(100)
    assert world.answers[0] == (2.0 + 1.6, "a")
    assert world.fleet.starts == 1


def test_who_waits_too_long_is_refused() -> None:
    """A request that no instance can take is refused after ten seconds."""
    slow = Service(per_batch=100.0, per_message=0, per_row=0, start=2.0, flush_interval_seconds=0.0)
    world = World(slow, Platform(concurrency=1, min_instances=1, max_instances=1))
    world.fleet.arrive(["a", "b"], 0.0)
    for second in range(1, 15):
        world.at(float(second), world.fleet.scale)
    world.run(20)
    assert world.refusals == [(11.0, "b")]


def test_busy_instances_bring_on_others_up_to_the_limit() -> None:
    """Sixty percent of CPU or of concurrency is the target; the limit holds, and everybody hears something."""
    world = World(FOLDER, Platform(concurrency=10, min_instances=1, max_instances=3))
    world.fleet.arrive([str(nth) for nth in range(100)], 0.0)
    for second in range(1, 60):
        world.at(float(second), world.fleet.scale)
    world.run(60)
    assert world.fleet.ready == 3
    assert len(world.answers) + len(world.refusals) == 100


def test_an_idle_instance_ends_after_a_quarter_of_an_hour() -> None:
    """An instance without requests costs nothing, except the minimum."""
    world = World(FOLDER, Platform(min_instances=1))
    world.fleet._add(0.0)
    world.fleet.scale(899.0)
    assert world.fleet.ready == 2
    world.fleet.scale(901.0)
    assert world.fleet.ready == 1


def test_only_active_seconds_are_billed() -> None:
    """Time without a request costs nothing."""
    world = World(FOLDER, Platform(min_instances=1))
    world.fleet.arrive(["a"], 10.0)
    world.run(100)
    (instance,) = world.fleet.everyone
    assert instance.active(50.0) == pytest.approx(1.6)


@pytest.mark.parametrize("shape", SHAPES)
def test_arrivals_keep_their_rate(shape: str) -> None:
    """No message is lost to rounding: a shape publishes its share of the rate, in order."""
    moments = list(Arrivals(shape, 333.0, 10.0))
    wanted = sum(SHAPES[shape](step / 1000) for step in range(1000)) * 3.33
    assert sum(many for _, many in moments) == pytest.approx(wanted, abs=1)
    assert moments == sorted(moments)


@pytest.mark.parametrize(("rate", "tables"), [(500.0, 3), (1000.0, 5), (0.2, 1), (1001.0, 6)])
def test_the_last_table_that_is_not_full_is_published_too(rate: float, tables: int) -> None:
    """Five seconds of 500 readings a second are two and a half tables of a thousand: three messages, no reading less."""
    arrivals = Arrivals("steady", rate, 5.0, rows=1000)
    assert arrivals.total == tables
    assert arrivals.readings == round(rate * 5)


def test_a_million_readings_cost_what_the_price_lists_say() -> None:
    """Pushed one by one: $0.036 of Pub/Sub, $0.40 of requests; an object each: $5.00."""
    million = 1_000_000
    used = Usage(
        readings=million,
        publishes=10_000,
        publish_bytes=200 * million,
        pushes=million,
        push_bytes=200,
        vcpu_seconds=100.0,
        gib_seconds=50.0,
        objects=million,
    )
    found = bill(used, prices())
    assert found.push == pytest.approx(0.0364, abs=0.0001)
    assert found.publish == pytest.approx(0.0073, abs=0.0001)
    assert found.requests == pytest.approx(0.40)
    assert found.cpu == pytest.approx(0.0024)
    assert found.storage == pytest.approx(5.00)
    assert found.total == pytest.approx(0.0364 + 0.0073 + 0.40 + 0.0024 + 0.000125 + 5.0, abs=0.0002)


def test_the_measured_service_times_are_there() -> None:
    """The file that the simulation reads says of which machine and day it is."""
    found = measured()
    assert min(found.per_batch, found.per_message, found.per_row, found.start) > 0
    assert found.machine
    assert found.date >= "2026-11-23"
