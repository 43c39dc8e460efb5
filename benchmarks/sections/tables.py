"""Tables of 1,000 rows, push to durable, beside raw `inplace_predict` on the same rows in the same chunks, and Beam."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.servers.environment import EnvironmentMissingError, python_of
from benchmarks.servers.process import PinnedProcess
from benchmarks.servers.reference_answers import tables
from benchmarks.servers.server_spec import PEERS
from benchmarks.servers.worker import FAST, BenchmarkWorker
from rookery.load.report.provenance import server_cpu
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.servers.reference_answers import ReferenceAnswers

ROWS: Final = 1_000
_TABLES: Final = 8
_SEED: Final = 60
_CONNECTIONS: Final = 4
RAW: Final = "raw inplace_predict"
SHIPPED: Final = replace(FAST, name=f"{FAST.name}, the shipped model")
RAW_SHIPPED: Final = f"{RAW}, the shipped model"
BEAM_TABLES: Final = "Beam RunInference, 1,000 rows an element"
BEAM_DEFAULT: Final = "Beam RunInference, its default form"
_BEAM_WITHIN_S: Final = 120
_BEAM_ROWS: Final = {BEAM_TABLES: 400_000, BEAM_DEFAULT: 4_000}


def measure(run: BenchmarkRun) -> Section:
    """Load the worker with tables, and predict the same rows raw, in turn."""
    section = Section()
    rows = run.folder / "rows.npy"
    np.save(
        rows,
        np.concatenate(
            [
                default_compiled().fields_matrix(each.fields for each in _readings(_SEED + nth))
                for nth in range(_TABLES)
            ]
        ),
    )
    with ExitStack() as stack:
        folder = run.folder / "tables"
        folder.mkdir()
        pairs = [
            (
                stack.enter_context(BenchmarkWorker(contender, reference, folder, authority=run.authority)),
                stack.enter_context(_raw(run, reference, rows)),
                raw,
            )
            for contender, reference, raw in ((FAST, run.reference, RAW), (SHIPPED, run.shipped, RAW_SHIPPED))
        ]
        for worker, _, _ in pairs:
            worker.load(connections=_CONNECTIONS, seconds=1, requests=_requests(worker))
            worker.process.freeze()
        for nth in range(run.rounds):
            for worker, raw, name in pairs:
                _record_raw(section, nth, name, _asked(raw, run.seconds))
                _load(run, section, nth, worker)
            if nth == 0 or not run.quick:
                _beam(run, section, nth, rows)
            say(f"tables: round {nth + 1} of {run.rounds}")
    section.notes[FAST.name] = f"{_CONNECTIONS} connections, folder sink, tokens verified"
    section.notes[SHIPPED.name] = "the smaller model in every installation; said, not promised"
    return section


def _requests(worker: BenchmarkWorker) -> Path:
    return worker.requests("tables", tables(ROWS, count=_TABLES, seed=_SEED))


def _load(run: BenchmarkRun, section: Section, nth: int, worker: BenchmarkWorker) -> None:
    """Load one worker, and keep what it did."""
    with worker.process.awake():
        found = worker.load(connections=_CONNECTIONS, seconds=run.seconds, requests=_requests(worker))
    section.add(
        nth,
        worker.contender.name,
        rows_per_second=found.stretch.per_second * ROWS,
        cpu_us=found.cpu_us / ROWS,
        p50_ms=found.stretch.p50_ms,
        p99_ms=found.stretch.p99_ms,
        server_busy=found.server_busy,
    )


def _readings(seed: int) -> list[Any]:
    return ReadingFactory(seed).readings(ROWS)


def _raw(run: BenchmarkRun, reference: ReferenceAnswers, rows: Path) -> PinnedProcess:
    return PinnedProcess(
        [sys.executable, "-m", f"{PEERS}.raw_predict", str(rows), str(ROWS)],
        log=run.folder / "raw.log",
        environment={"BENCH_MODEL": str(reference.model)},
        cpu=server_cpu(),
        talks=True,
    )


def _asked(process: PinnedProcess, seconds: int) -> dict[str, float]:
    """Let the raw process predict for some seconds; it waits for its input in between."""
    asking, answering = process.popen.stdin, process.popen.stdout
    if asking is None or answering is None:
        raise EnvironmentMissingError("it was started without pipes")
    asking.write(f"{seconds}\n".encode())
    asking.flush()
    said = answering.readline()
    process.check()
    found: dict[str, float] = json.loads(said)
    return found


def _record_raw(section: Section, nth: int, who: str, found: dict[str, float]) -> None:
    section.add(
        nth,
        who,
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
        section.add(nth, who, rows_per_second=found["rows"] / found["seconds"])
