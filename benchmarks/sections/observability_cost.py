"""The cost of observability: four workers in turns, two with metrics, drift and JSON logs, two without any of them.

`python -m benchmarks.sections.observability_cost [ROUNDS]` prints the CPU of a request, seen against unseen, and beside it one unseen
worker against the other: what differs there is the machine's noise. Each ratio is formed within a turn, and its median
over the turns is reported. `--worker on` or `off` runs a worker.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.servers.reference_answers import ReferenceAnswers
from benchmarks.servers.server_spec import ServerSpec
from benchmarks.servers.worker import BenchmarkWorker
from rookery.load.report.provenance import provenance
from rookery.worker import app
from rookery.worker.__main__ import main as work
from rookery.worker.observability.drift import Drift
from rookery.worker.observability.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONNECTIONS: Final = (64, 256)
SECONDS: Final = 1
_ROUNDS: Final = 20
_WORKERS: Final = ("on", "off", "on-2", "off-2")


class Unseen(Metrics):
    """Counts nothing."""

    def __call__(self, *_: Any) -> None:
        """Nothing."""


class Unkept(Drift):
    """Keeps nothing."""

    def saw(self, *_: Any) -> None:
        """Nothing."""


def _worker(seen: str) -> int:
    """Run a worker; the one that is not seen is the same but for what looks."""
    if seen == "on":
        os.environ["ROOKERY_LOG_LEVEL"] = "INFO"
    else:
        vars(app).update(Metrics=Unseen, Drift=Unkept)
    return work()


def _contender(name: str) -> ServerSpec:
    seen = name.partition("-")[0]
    return ServerSpec(
        name=f"seen-{name}", words=("-m", "benchmarks.sections.observability_cost", "--worker", seen)
    )


def measure(rounds: int) -> dict[int, dict[str, list[float]]]:
    """Load all in turns, another one first each time; gives CPU microseconds a request by connections, worker and turn."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        reference = ReferenceAnswers(folder)
        workers = {
            each: stack.enter_context(BenchmarkWorker(_contender(each), reference, folder, authority=None))
            for each in _WORKERS
        }
        found: dict[int, dict[str, list[float]]] = {
            each: {worker: [] for worker in workers} for each in CONNECTIONS
        }
        for turn in range(rounds):
            first = turn % len(_WORKERS)
            for connections in CONNECTIONS:
                for seen in _WORKERS[first:] + _WORKERS[:first]:
                    cost = workers[seen].load(connections=connections, seconds=SECONDS)
                    found[connections][seen].append(cost.cpu_us)
        return found


def summary(costs: Mapping[str, Sequence[float]]) -> str:
    """Say what being seen costs, and how loud the machine was."""
    turns = list(zip(*(costs[worker] for worker in _WORKERS), strict=True))
    seen = median((on + on_too) / (off + off_too) for on, off, on_too, off_too in turns)
    noise = median(off_too / off for _, off, _, off_too in turns)
    cost = median((off + off_too) / 2 for _, off, _, off_too in turns)
    return f"{seen:.3f} times {cost:.1f} us a request; unseen against unseen {noise:.3f}"


def main(arguments: Sequence[str]) -> int:
    """Measure and print, or be one of the two workers."""
    if arguments[:1] == ["--worker"]:
        return _worker(arguments[1])
    where = provenance()
    print(f"{where.date}, commit {where.commit}, {where.processor}, load average {where.load}")  # noqa: T201  its face
    for connections, costs in measure(int(arguments[0]) if arguments else _ROUNDS).items():
        print(f"{connections:4} connections: {summary(costs)}")  # noqa: T201  its face
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
