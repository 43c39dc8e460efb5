"""What being seen costs: two workers in turns, one with metrics, drift and JSON logs, one without any of them.

`python -m rookery.seen_cost [ROUNDS]` prints the ratios; `--worker on` or `off` runs one of the two.
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
    from collections.abc import Iterator, Sequence

CONNECTIONS: Final = (8, 64)
SECONDS: Final = 2
_ROUNDS: Final = 12


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

    @contextlib.contextmanager
    def predicting(self) -> Iterator[None]:
        """Nothing."""
        yield

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


def measure(rounds: int) -> dict[int, list[float]]:
    """Load both in turns; gives for each number of connections the ratios of CPU a request, seen to unseen, round by round."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        truth = Truth(folder)
        on, off = (
            stack.enter_context(Worker(_contender(each), truth, folder, authority=None))
            for each in ("on", "off")
        )
        ratios: dict[int, list[float]] = {}
        for turn in range(rounds):
            for connections in CONNECTIONS:
                pair = (on, off) if turn % 2 else (off, on)
                costs = {each: each.load(connections=connections, seconds=SECONDS).cpu_us for each in pair}
                ratios.setdefault(connections, []).append(costs[on] / costs[off])
        return ratios


def main(arguments: Sequence[str]) -> int:
    """Measure and print, or be one of the two workers."""
    if arguments[:1] == ["--worker"]:
        return _worker(arguments[1])
    where = provenance()
    print(f"{where.date}, commit {where.commit}, {where.processor}, load average {where.load}")  # noqa: T201  its face
    for connections, ratios in measure(int(arguments[0]) if arguments else _ROUNDS).items():
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        print(f"{connections:4} connections: {median(ratios):.3f} times the CPU a request ({spread})")  # noqa: T201  its face
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
