"""What being seen costs: four workers in turns, two with metrics, drift and JSON logs, two without any of them.

`python -m rookery.seen_cost [ROUNDS]` prints medians of CPU a request, seen against unseen, and beside it one unseen
worker against the other: what differs there is the machine's noise. `--worker on` or `off` runs a worker.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from load.bench.contender import Contender
from load.bench.machine import provenance
from load.bench.truth import Truth
from load.bench.worker import Worker
from worker import app
from worker.__main__ import main as work
from worker.drift import Drift
from worker.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECTIONS: Final = (64, 256)
SECONDS: Final = 1
_ROUNDS: Final = 20
_WORKERS: Final = ("on", "off", "on-2", "off-2")
_NOTHING: Final = contextlib.nullcontext()


class Unseen(Metrics):
    """Counts nothing."""

    def batch(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    def answered(self, *_: Any) -> None:
        """Nothing."""

    def strange(self, *_: Any) -> None:
        """Nothing."""

    def __call__(self, *_: Any) -> None:
        """Nothing."""

    def predicting(self) -> Any:
        """Nothing."""
        return _NOTHING

    writing = predicting


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


def _contender(name: str) -> Contender:
    seen = name.partition("-")[0]
    return Contender(name=f"seen-{name}", words=("-m", "rookery.seen_cost", "--worker", seen))


def measure(rounds: int) -> dict[int, dict[str, float]]:
    """Load all in turns, another one first each time; gives medians of CPU microseconds a request by connections and worker."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        truth = Truth(folder)
        workers = {
            each: stack.enter_context(Worker(_contender(each), truth, folder, authority=None))
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
        return {
            connections: {worker: median(costs) for worker, costs in each.items()}
            for connections, each in found.items()
        }


def main(arguments: Sequence[str]) -> int:
    """Measure and print, or be one of the two workers."""
    if arguments[:1] == ["--worker"]:
        return _worker(arguments[1])
    where = provenance()
    print(f"{where.date}, commit {where.commit}, {where.processor}, load average {where.load}")  # noqa: T201  its face
    for connections, costs in measure(int(arguments[0]) if arguments else _ROUNDS).items():
        on, off = costs["on"] + costs["on-2"], costs["off"] + costs["off-2"]
        noise = f"unseen against unseen {costs['off-2'] / costs['off']:.3f}"
        print(f"{connections:4} connections: {on / off:.3f} times {off / 2:.1f} us a request; {noise}")  # noqa: T201  its face
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
