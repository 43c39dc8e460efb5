"""Neighbours: what single readings wait for while tables of 10,000 rows come in beside them."""

from __future__ import annotations

import json
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
_GIVES_WAY: Final = ("chrt", "--idle", "0")
"""Both generators have one CPU: that of the tables gives way, so that the delay of singles is the worker's."""

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
        singles.keep(nth, ALONE, singles.measured())
        for beside in streams:
            for form, tables in large.items():
                with _tables(worker, tables, beside, seconds=2 * run.seconds + 2) as came:
                    found = singles.measured()
                singles.keep(nth, beside_tables(beside, form), found, tables=came)
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

    def measured(self) -> dict[str, dict[str, Any]]:
        """Measure both kinds one after the other, beside whatever there is."""
        paced = self.paced(seconds=self._seconds)
        address = self._worker.address
        stretch = wrk.run(address, self._requests, connections=CONNECTIONS, seconds=self._seconds)
        return {"paced": paced, "unpaced": {"p50_ms": stretch.p50_ms, "p99_ms": stretch.p99_ms}}

    def keep(
        self, nth: int, said: str, found: dict[str, dict[str, Any]], *, tables: dict[str, float] | None = None
    ) -> None:
        """Keep what was measured, with the tables that came in meanwhile."""
        self._worker.tidy()
        for kind, each in found.items():
            self._keep(nth, f"{kind}, {said}", each, tables or {})

    def paced(self, *, seconds: int) -> dict[str, Any]:
        """Send readings at RATE."""
        command = _program("paced", self._worker, self._requests, RATE, seconds, CONNECTIONS)
        return wrk.generated(command, within_s=seconds + 30)

    def _keep(self, nth: int, who: str, found: dict[str, Any], tables: dict[str, float]) -> None:
        refused = found.get("refused", 0) + tables.get("refused", 0)
        if refused or found.get("unanswered"):
            said = f"{refused} refused, {found.get('unanswered', 0)} unanswered"
            self._section.leave_out(f"{who}, round {nth + 1}", said)
            return
        rate = {name: tables[name] for name in ("tables_per_second",) if tables}
        p50, p99 = found["p50_ms"], found["p99_ms"]
        self._section.add(nth, who, model=self._model, p50_ms=p50, p99_ms=p99, **rate)


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
def _tables(worker: BenchmarkWorker, large: Path, beside: str, *, seconds: int) -> Iterator[dict[str, float]]:
    """Let tables come in for as long as the block lasts, and let them come to an end after it; gives how many came then."""
    came: dict[str, float] = {}
    if beside == STREAM:
        command = _program("closed_loop", worker, large, seconds)
    else:
        command = _program("paced", worker, large, TABLES_A_SECOND, seconds, 4)
    with PinnedProcess([*_GIVES_WAY, *command], log=large.with_suffix(".log")) as stream:
        time.sleep(_LEADS_S)
        try:
            yield came
        finally:
            stream.wait(within_s=60)
    said = json.loads(stream.log.read_text().strip().splitlines()[-1])
    came |= {"refused": said["refused"], "tables_per_second": said["requests"] / seconds}


def _program(name: str, worker: BenchmarkWorker, requests: Path, *numbers: int) -> list[str]:
    """Give the command of a generator with its numbers."""
    port = worker.address.rpartition(":")[2]
    return [
        *("taskset", "-c", str(generator_cpu()), sys.executable, "-m", f"benchmarks.generators.{name}"),
        *(port, str(requests), *map(str, numbers), str(wrk.next_first())),
    ]
