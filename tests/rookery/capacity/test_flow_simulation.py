"""Flows of counted messages against the simulation of each message, and at rates that only flows can take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rookery.broker.scheduling.push_window import PushWindow
from rookery.capacity.flow_simulation import FlowSimulation
from rookery.capacity.flow_window import FlowWindow
from rookery.capacity.scenario import Scenario, SimulationOutcome
from rookery.capacity.simulation import Simulation
from rookery.load.simulation.arrivals import Arrivals
from rookery.load.simulation.autoscaler import Platform
from rookery.load.simulation.service import Service, measured

WITHIN = 0.05


def figures(outcome: SimulationOutcome) -> dict[str, float]:
    """The results that a plan states or prices."""
    return {
        "published": outcome.published,
        "acked": outcome.acked,
        "delivered": outcome.delivered,
        "finished": outcome.finished_at,
        "objects": outcome.objects,
        "active": outcome.active,
        "starts": outcome.starts,
        "instances": outcome.most_instances,
        "p50": outcome.p50,
        "p99": outcome.p99,
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("shape", "rate", "rows", "seconds"),
    [("spike", 50_000, 1, 10), ("stress", 3_000_000, 1000, 15)],
    ids=["single readings", "tables"],
)
def test_flows_are_within_five_percent_of_the_exact_simulation(
    shape: str, rate: float, rows: int, seconds: float
) -> None:
    """Messages, objects, billed seconds, instances and latencies differ by less than 5 %."""
    scenario = Scenario(arrivals=Arrivals(shape, rate, seconds, rows), service=measured(), rows=rows)
    exact, flows = figures(Simulation(scenario).run()), figures(FlowSimulation(scenario).run())
    assert flows == pytest.approx(exact, rel=WITHIN)


def test_messages_that_no_instance_takes_are_refused_and_delivered_again() -> None:
    """One instance that is far too small nacks what waits too long; everything is acknowledged in the end."""
    slow = Service(per_batch=0.2, per_message=0.5, per_row=0, start=2.0)
    platform = Platform(concurrency=2, min_instances=1, max_instances=1)
    scenario = Scenario(arrivals=Arrivals("steady", 100, 1.0), service=slow, platform=platform)
    outcome = FlowSimulation(scenario).run()
    assert outcome.nacked > 0
    assert outcome.acked == outcome.published == 100
    assert outcome.delivered == outcome.acked + outcome.nacked


@pytest.mark.parametrize("latency", [0.2, 3.0], ids=["healthy", "slow"])
def test_the_window_of_flows_is_the_brokers(latency: float) -> None:
    """Acknowledged in cohorts, the window grows, stays and shrinks as with one acknowledgement after the other."""
    exact, flows, now = PushWindow(), FlowWindow(), 0.0
    for _ in range(60):
        sent, now = now, now + latency
        outstanding = exact.size
        for done in range(outstanding):
            exact.acked(sent, now, outstanding=outstanding - done)
        flows.acked(outstanding, sent, now, outstanding=outstanding)
        assert flows.size == pytest.approx(exact.size, rel=0.03, abs=2)
    exact.failed(now, now + 1)
    flows.failed(1, now, now + 1)
    assert flows.size == pytest.approx(exact.size, rel=0.03, abs=2)


_TEN_MILLION = """
from rookery.capacity.plan import PlanRequest, ask
from rookery.load.simulation.monthly import CloudDeployment
singles, tables = ask(PlanRequest(rate=1e7, shape="steady", seconds=30, deployment=CloudDeployment(max_instances=1000)))
from pathlib import Path
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(singles.outcome.published, tables.readings, peak.split()[1])
"""


def test_ten_million_readings_a_second_are_planned_in_500_megabytes() -> None:
    """The memory of a plan does not depend on its rate: three hundred million messages are counted, not held."""
    ran = subprocess.run(
        [sys.executable, "-c", _TEN_MILLION],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    singles, tables, kilobytes = map(int, ran.stdout.split())
    assert singles == tables == 300_000_000
    assert kilobytes < 500 * 1024
