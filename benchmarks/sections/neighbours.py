"""Neighbours: what single readings wait for while tables of 10,000 rows come in beside them."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from benchmarks.generators import wrk
from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.process import PinnedProcess
from benchmarks.servers.reference_answers import pushes, tables
from benchmarks.servers.worker import FAST, BenchmarkWorker
from rookery.load.report.provenance import generator_cpu

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS: Final = 10_000
RATE: Final = 1_000
"""Single readings a second, due at their moments whatever the worker does."""

CONNECTIONS: Final = 64
TABLES_A_SECOND: Final = 5
ALONE: Final = "alone"
PACED_TABLES: Final = f"beside {TABLES_A_SECOND} tables a second"
STREAM: Final = "beside tables one after the other"
_LEADS_S: Final = 0.3
"""How long tables come in before singles are measured."""


def measure(run: BenchmarkRun) -> Section:
    """Measure paced and unpaced single readings alone and beside tables, in turn."""
    section = Section()
    folder = run.folder / "neighbours"
    folder.mkdir()
    with ExitStack() as stack:
        worker = stack.enter_context(BenchmarkWorker(FAST, run.reference, folder, authority=run.authority))
        singles = worker.requests("singles", pushes(run.reference.readings))
        large = worker.requests("large", tables(ROWS, count=2))
        _paced(worker, singles, rate=RATE, seconds=1)
        for nth in range(run.rounds):
            for beside in (ALONE, PACED_TABLES, STREAM):
                with _tables(worker, large, beside, seconds=run.seconds + 1):
                    found = _paced(worker, singles, rate=RATE, seconds=run.seconds)
                _keep(section, nth, f"paced, {beside}", found)
                with _tables(worker, large, beside, seconds=run.seconds + 1):
                    stretch = wrk.run(worker.address, singles, connections=CONNECTIONS, seconds=run.seconds)
                _keep(
                    section, nth, f"unpaced, {beside}", {"p50_ms": stretch.p50_ms, "p99_ms": stretch.p99_ms}
                )
                worker.tidy()
            say(f"neighbours: round {nth + 1} of {run.rounds}")
    return section


def _keep(section: Section, nth: int, who: str, found: dict[str, Any]) -> None:
    if found.get("refused") or found.get("unanswered"):
        raise EnvironmentMissingError(f"{who}: {found['refused']} refused, {found['unanswered']} unanswered")
    section.add(nth, who, p50_ms=found["p50_ms"], p99_ms=found["p99_ms"])


@contextmanager
def _tables(worker: BenchmarkWorker, large: Path, beside: str, *, seconds: int) -> Iterator[None]:
    """Let tables come in for as long as the block lasts, and let them come to an end after it."""
    if beside == ALONE:
        yield
        return
    if beside == STREAM:
        command = wrk.command(worker.address, large, connections=1, seconds=seconds)
    else:
        command = _command(worker, large, rate=TABLES_A_SECOND, seconds=seconds, connections=4)
    with PinnedProcess(command, log=large.with_suffix(".log")) as stream:
        time.sleep(_LEADS_S)
        try:
            yield
        finally:
            stream.wait(within_s=60)


def _paced(worker: BenchmarkWorker, requests: Path, *, rate: int, seconds: int) -> dict[str, Any]:
    command = _command(worker, requests, rate=rate, seconds=seconds, connections=CONNECTIONS)
    return wrk.generated(command, within_s=seconds + 30)


def _command(
    worker: BenchmarkWorker, requests: Path, *, rate: int, seconds: int, connections: int
) -> list[str]:
    return [
        *("taskset", "-c", str(generator_cpu()), sys.executable, "-m", "benchmarks.generators.paced"),
        *(worker.address.rpartition(":")[2], str(requests), str(rate), str(seconds), str(connections)),
        str(wrk.next_first()),
    ]
