"""Tables of several sizes, push to durable, beside raw `inplace_predict` on the same rows in the same chunks, and Beam."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.servers.environment import EnvironmentMissingError, python_of
from benchmarks.servers.process import PinnedProcess
from benchmarks.servers.server_spec import PEERS
from benchmarks.servers.table_bodies import FORMS, table_bodies
from benchmarks.servers.worker import FAST, BenchmarkWorker
from rookery.load.report.provenance import server_cpu

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.servers.reference_answers import ReferenceAnswers

SIZES: Final = (150, 350, 1_000, 10_000)
ROWS: Final = 1_000
"""The size that bounds are for."""

_ROWS_SENT: Final = 8_000
"""Rows of the different tables of one size that are sent over and over."""

_SEED: Final = 60
FEW: Final = 4
MANY: Final = 16
"""Connections, each with one table in flight; of many only tables of ROWS are measured."""

RAW: Final = "raw inplace_predict"
BEAM_TABLES: Final = "Beam RunInference, 1,000 rows an element"
BEAM_DEFAULT: Final = "Beam RunInference, its default form"
_BEAM_WITHIN_S: Final = 120
_BEAM_ROWS: Final = {BEAM_TABLES: 400_000, BEAM_DEFAULT: 4_000}


def way(form: str, connections: int = FEW) -> str:
    """Name Rookery with tables of a form."""
    return f"{FAST.name}, {form}" if connections == FEW else f"{FAST.name}, {form}, {connections} connections"


def measure(run: BenchmarkRun) -> Section:
    """Load a worker of each model with tables of each size and form, and predict the same rows raw, in turn."""
    section = Section()
    models = run.models()
    for name in ("reference", "shipped") if run.quick else models:
        with ExitStack() as stack:
            _measure_model(run, section, stack, name, models[name])
    for form in FORMS:
        for connections in (FEW, MANY):
            section.notes[way(form, connections)] = f"{connections} connections, folder sink, tokens verified"
    return section


def _measure_model(
    run: BenchmarkRun, section: Section, stack: ExitStack, name: str, reference: ReferenceAnswers
) -> None:
    folder = run.folder / f"tables-{name}"
    folder.mkdir()
    rows = _rows(folder, reference)
    sizes = (ROWS,) if run.quick else SIZES
    worker = stack.enter_context(BenchmarkWorker(FAST, reference, folder, authority=run.authority))
    tables = _TableLoad(run, section, worker, reference, model=name)
    tables.write(sizes)
    worker.process.freeze()
    raw = stack.enter_context(_raw(folder, reference, rows))
    for nth in range(run.rounds):
        for size in sizes:
            _record_raw(section, nth, _asked(raw, size, run.seconds), model=name, rows=size)
            tables.load(nth, size)
        if name == "reference" and (nth == 0 or not run.quick):
            _beam(run, section, nth, rows)
        say(f"tables: {name}, round {nth + 1} of {run.rounds}")


class _TableLoad:
    """The tables of a worker, in each form that it takes."""

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
        self._reference = reference
        self._model = model
        self._requests: dict[tuple[str, int], Path] = {}

    def write(self, sizes: tuple[int, ...]) -> None:
        """Write tables of each form and size, and load them once; a form that the worker does not take is left out."""
        for form in FORMS:
            for size in sizes:
                count = max(1, _ROWS_SENT // size)
                bodies = table_bodies(self._reference, form, size, count=count, seed=_SEED)
                try:
                    self._worker.deliver_table(bodies[0], size)
                except EnvironmentMissingError as why:
                    self._section.leave_out(way(form), why)
                    break
                self._requests[form, size] = self._worker.requests(f"{form}-{size}", bodies)
        for file in self._requests.values():
            self._worker.load(connections=FEW, seconds=1, requests=file)

    def load(self, nth: int, size: int) -> None:
        """Load the worker with tables of a size, form after form, and keep what it did."""
        for form in FORMS:
            file = self._requests.get((form, size))
            if file is None:
                continue
            for connections in (FEW, MANY) if size == ROWS else (FEW,):
                self._load(nth, size, file, way(form, connections), connections)

    def _load(self, nth: int, size: int, file: Path, way: str, connections: int) -> None:
        with self._worker.process.awake():
            found = self._worker.load(connections=connections, seconds=self._seconds, requests=file)
        self._section.add(
            nth,
            way,
            model=self._model,
            rows=size,
            rows_per_second=found.stretch.per_second * size,
            cpu_us=found.cpu_us / size,
            p50_ms=found.stretch.p50_ms,
            p99_ms=found.stretch.p99_ms,
            server_busy=found.server_busy,
        )


def _rows(folder: Path, reference: ReferenceAnswers) -> Path:
    """Write the rows of the tables as the model sees them."""
    file = folder / "rows.npy"
    factory = reference.factory(_SEED)
    np.save(file, reference.contract.fields_matrix(factory.fields() for _ in range(max(SIZES))))
    return file


def _raw(folder: Path, reference: ReferenceAnswers, rows: Path) -> PinnedProcess:
    return PinnedProcess(
        [sys.executable, "-m", f"{PEERS}.raw_predict", str(rows)],
        log=folder / "raw.log",
        environment={"BENCH_MODEL": str(reference.model)},
        cpu=server_cpu(),
        talks=True,
    )


def _asked(process: PinnedProcess, chunk: int, seconds: int) -> dict[str, float]:
    """Let the raw process predict in chunks for some seconds; it waits for its input in between."""
    asking, answering = process.popen.stdin, process.popen.stdout
    if asking is None or answering is None:
        raise EnvironmentMissingError("it was started without pipes")
    asking.write(f"{chunk} {seconds}\n".encode())
    asking.flush()
    said = answering.readline()
    process.check()
    found: dict[str, float] = json.loads(said)
    return found


def _record_raw(section: Section, nth: int, found: dict[str, float], *, model: str, rows: int) -> None:
    section.add(
        nth,
        RAW,
        model=model,
        rows=rows,
        rows_per_second=found["rows"] / found["seconds"],
        cpu_us=found["cpu_seconds"] / found["rows"] * 1e6,
    )


def _beam(run: BenchmarkRun, section: Section, nth: int, rows: Path) -> None:
    """Let Beam predict the same rows, pinned likewise; its own start-up does not count."""
    for who, count in _BEAM_ROWS.items():
        if who in section.absent:
            continue
        words = [str(rows), str(count // (10 if run.quick else 1)), str(ROWS if who == BEAM_TABLES else 1)]
        try:
            command = [str(python_of("beam")), "-m", f"{PEERS}.beam_inference", *words]
            log = run.folder / "beam.log"
            environment = {"BENCH_MODEL": str(run.reference.model)}
            with PinnedProcess(
                command, log=log, environment=environment, cpu=server_cpu(), talks=True
            ) as process:
                said, _ = process.popen.communicate(timeout=_BEAM_WITHIN_S)
                if process.popen.returncode:
                    process.check()
            found = json.loads(said.strip().splitlines()[-1])
        except (EnvironmentMissingError, IndexError, ValueError, subprocess.TimeoutExpired) as why:
            section.leave_out(who, why)
            continue
        rate = found["rows"] / found["seconds"]
        section.add(nth, who, model="reference", rows=ROWS, rows_per_second=rate)
