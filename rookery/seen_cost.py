"""What being seen costs: two workers in turns, one with metrics, drift and JSON logs, one without any of them.

`python -m rookery.seen_cost [ROUNDS]` prints lower quartiles and their ratio; `--worker on` or `off` runs one of the two.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from statistics import quantiles
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
_ROUNDS: Final = 40
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


def _contender(seen: str) -> Contender:
    return Contender(name=f"seen-{seen}", words=("-m", "rookery.seen_cost", "--worker", seen))


def measure(rounds: int) -> dict[int, dict[str, list[float]]]:
    """Load both in turns; gives CPU microseconds a request by connections, `on` and `off`, round by round."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        truth = Truth(folder)
        workers = {
            each: stack.enter_context(Worker(_contender(each), truth, folder, authority=None))
            for each in ("on", "off")
        }
        found: dict[int, dict[str, list[float]]] = {each: {"on": [], "off": []} for each in CONNECTIONS}
        for turn in range(rounds):
            for connections in CONNECTIONS:
                for seen in ("on", "off") if turn % 2 else ("off", "on"):
                    cost = workers[seen].load(connections=connections, seconds=SECONDS)
                    found[connections][seen].append(cost.cpu_us)
        return found


def main(arguments: Sequence[str]) -> int:
    """Measure and print, or be one of the two workers."""
    if arguments[:1] == ["--worker"]:
        return _worker(arguments[1])
    where = provenance()
    print(f"{where.date}, commit {where.commit}, {where.processor}, load average {where.load}")  # noqa: T201  its face
    for connections, costs in measure(int(arguments[0]) if arguments else _ROUNDS).items():
        # Neighbours on the machine only ever add: the lower quartile is the steadier figure.
        on, off = (quantiles(costs[each])[0] for each in ("on", "off"))
        said = f"{on:.1f} us of CPU a request against {off:.1f}, {on / off:.3f} times"
        print(f"{connections:4} connections: {said}")  # noqa: T201  its face
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
