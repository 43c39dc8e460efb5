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
from benchmarks.servers.reference_answers import pushes
from benchmarks.servers.table_bodies import FORMS, table_bodies
from benchmarks.servers.worker import FAST, BenchmarkWorker
from rookery.load.report.provenance import generator_cpu

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.servers.reference_answers import ReferenceAnswers

MODELS: Final = ("reference", "large")
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


def beside_tables(beside: str, form: str) -> str:
    """Name what stands beside single readings."""
    return f"{beside} ({form})"


def measure(run: BenchmarkRun) -> Section:
    """Measure paced and unpaced single readings alone and beside tables, in turn."""
    section = Section()
    models = run.models()
    for name in MODELS:
        with ExitStack() as stack:
            _measure_model(run, section, stack, name, models[name])
    return section


def _measure_model(
    run: BenchmarkRun, section: Section, stack: ExitStack, name: str, reference: ReferenceAnswers
) -> None:
    folder = run.folder / f"neighbours-{name}"
    folder.mkdir()
    worker = stack.enter_context(BenchmarkWorker(FAST, reference, folder, authority=run.authority))
    singles = _Singles(run, section, worker, reference, model=name)
    large = _large(section, worker, reference)
    streams = (STREAM,) if run.quick else (PACED_TABLES, STREAM)
    singles.paced(seconds=1)
    for nth in range(run.rounds):
        singles.measure(nth, ALONE)
        for beside in streams:
            for form, tables in large.items():
                with _tables(worker, tables, beside, seconds=2 * run.seconds + 2):
                    singles.measure(nth, beside_tables(beside, form))
        say(f"neighbours: {name}, round {nth + 1} of {run.rounds}")


class _Singles:
    """The single readings of a worker, paced and unpaced."""

    def __init__(
        self,
        run: BenchmarkRun,
        section: Section,
        worker: BenchmarkWorker,
        reference: ReferenceAnswers,
        *,
        model: str,
    ) -> None:
        self._seconds = run.seconds
        self._section = section
        self._worker = worker
        self._requests = worker.requests("singles", pushes(reference.readings))
        self._model = model

    def measure(self, nth: int, said: str) -> None:
        """Measure both kinds one after the other, beside whatever there is."""
        self._keep(nth, f"paced, {said}", self.paced(seconds=self._seconds))
        address = self._worker.address
        stretch = wrk.run(address, self._requests, connections=CONNECTIONS, seconds=self._seconds)
        self._keep(nth, f"unpaced, {said}", {"p50_ms": stretch.p50_ms, "p99_ms": stretch.p99_ms})
        self._worker.tidy()

    def paced(self, *, seconds: int) -> dict[str, Any]:
        """Send readings at RATE."""
        command = _command(self._worker, self._requests, rate=RATE, seconds=seconds, connections=CONNECTIONS)
        return wrk.generated(command, within_s=seconds + 30)

    def _keep(self, nth: int, who: str, found: dict[str, Any]) -> None:
        if found.get("refused") or found.get("unanswered"):
            said = f"{found['refused']} refused, {found['unanswered']} unanswered"
            self._section.leave_out(f"{who}, round {nth + 1}", said)
            return
        self._section.add(nth, who, model=self._model, p50_ms=found["p50_ms"], p99_ms=found["p99_ms"])


def _large(section: Section, worker: BenchmarkWorker, reference: ReferenceAnswers) -> dict[str, Path]:
    """Write large tables of each form that the worker takes."""
    written = {}
    for form in FORMS:
        bodies = table_bodies(reference, form, ROWS, count=2)
        try:
            worker.deliver_table(bodies[0], ROWS)
        except EnvironmentMissingError as why:
            section.leave_out(f"{form} tables", why)
            continue
        written[form] = worker.requests(f"large-{form}", bodies)
    return written


@contextmanager
def _tables(worker: BenchmarkWorker, large: Path, beside: str, *, seconds: int) -> Iterator[None]:
    """Let tables come in for as long as the block lasts, and let them come to an end after it."""
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


def _command(
    worker: BenchmarkWorker, requests: Path, *, rate: int, seconds: int, connections: int
) -> list[str]:
    return [
        *("taskset", "-c", str(generator_cpu()), sys.executable, "-m", "benchmarks.generators.paced"),
        *(worker.address.rpartition(":")[2], str(requests), str(rate), str(seconds), str(connections)),
        str(wrk.next_first()),
    ]
