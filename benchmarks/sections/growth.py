"""Growth: how the CPU of a reading grows with offered load, connections, features and trees."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.generators import wrk
from benchmarks.generators.wrk import WrkResult
from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.sections.contest import Contest
from benchmarks.servers.generated_model import ModelSize, generated_model
from benchmarks.servers.reference_answers import ReferenceAnswers, pushes
from benchmarks.servers.server import BenchmarkServer, cost
from benchmarks.servers.server_spec import MOSEC
from benchmarks.servers.worker import FAST, BenchmarkWorker
from rookery.load.report.provenance import generator_cpu

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.servers.server import ServerCost

RATES: Final = (10, 100, 1_000, 3_000, 10_000, 20_000)
"""Readings a second; beyond them stands the most that 64 connections carry."""

CONNECTIONS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)
FEATURES: Final = (5, 30, 100, 300)
TREES: Final = (60, 250, 500, 1_000, 2_000)
_DEPTH: Final = 6
_FEATURES_OF_TREES: Final = 30
_TREES_OF_FEATURES: Final = 250
_LEAST_REQUESTS: Final = 100
AXES: Final = {
    "rate": "offered load, readings a second",
    "connections": "connections",
    "features": "features",
    "trees": "trees",
}


def measure(run: BenchmarkRun) -> Section:
    """Measure one axis after the other, Rookery and mosec in turn."""
    section = Section()
    _rates_and_connections(run, section)
    # A quick run makes no models.
    for axis, sizes in () if run.quick else _sizes().items():
        for value, size in sizes.items():
            _model(run, section, axis, value, size)
    section.notes[FAST.name] = "offered load and connections with the reference model"
    section.notes["features"] = f"{_TREES_OF_FEATURES} trees of depth {_DEPTH}; 64 connections"
    section.notes["trees"] = f"depth {_DEPTH}, {_FEATURES_OF_TREES} features; 64 connections"
    return section


def _sizes() -> dict[str, dict[int, ModelSize]]:
    features = {each: ModelSize(trees=_TREES_OF_FEATURES, depth=_DEPTH, features=each) for each in FEATURES}
    trees = {each: ModelSize(trees=each, depth=_DEPTH, features=_FEATURES_OF_TREES) for each in TREES}
    return {"features": features, "trees": trees}


def _rates_and_connections(run: BenchmarkRun, section: Section) -> None:
    folder = run.folder / "growth"
    folder.mkdir()
    with ExitStack() as stack:
        worker = stack.enter_context(BenchmarkWorker(FAST, run.reference, folder, authority=run.authority))
        requests = worker.requests("paced", pushes(run.reference.readings))
        worker.load(connections=64, seconds=1)
        rates = RATES[1::2] if run.quick else RATES
        connections = CONNECTIONS[::5] if run.quick else CONNECTIONS
        for nth in range(run.rounds):
            for rate in rates:
                found = _paced(worker, requests, rate=rate, least_seconds=run.seconds)
                _add(section, nth, "rate", rate, found)
            for many in connections:
                found = worker.load(connections=many, seconds=run.seconds)
                _add(section, nth, "connections", many, found)
            say(f"growth: load and connections, round {nth + 1} of {run.rounds}")


def _add(section: Section, nth: int, axis: str, at: int, found: ServerCost) -> None:
    section.add(nth, FAST.name, axis=axis, at=at, cpu_us=found.cpu_us, p99_ms=found.stretch.p99_ms)


def _paced(worker: BenchmarkWorker, requests: Path, *, rate: int, least_seconds: int) -> ServerCost:
    """Offer so many readings a second; of few, long enough for their CPU time to be seen."""
    seconds = max(least_seconds, min(10, _LEAST_REQUESTS // rate))
    command = [
        *("taskset", "-c", str(generator_cpu()), sys.executable, "-m", "benchmarks.generators.paced"),
        *(worker.address.rpartition(":")[2], str(requests), str(rate), str(seconds), "64"),
        str(wrk.next_first()),
    ]

    def stretch() -> WrkResult:
        said = wrk.generated(command, within_s=seconds + 30)
        return WrkResult(
            requests=said["requests"],
            seconds=seconds,
            p50_ms=said["p50_ms"],
            p99_ms=said["p99_ms"],
            refused=said["refused"],
            broken=said["unanswered"],
            busy=0.0,
        )

    found = cost(worker.process, stretch)
    worker.tidy()
    return found


def _model(run: BenchmarkRun, section: Section, axis: str, value: int, size: ModelSize) -> None:
    """Measure Rookery and mosec with a model of a size."""
    folder = run.folder / f"growth-{axis}-{value}"
    folder.mkdir()
    reference = ReferenceAnswers(folder, generated_model(size))
    contest = Contest(section, axis=axis, at=value)
    with ExitStack() as stack:
        contest.start(
            (
                BenchmarkWorker(FAST, reference, folder, authority=run.authority),
                BenchmarkServer(MOSEC[0], reference, folder),
            ),
            stack,
        )
        for nth in range(run.rounds):
            contest.round(nth, connections=64, seconds=run.seconds)
    say(f"growth: {value} {axis}")
