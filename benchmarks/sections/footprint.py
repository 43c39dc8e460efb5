"""Footprint: start-up and memory beside a bare process that could predict, and memory over an hour's worth of requests."""

from __future__ import annotations

import compileall
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.process import PinnedProcess
from benchmarks.servers.server_spec import PEERS
from benchmarks.servers.worker import FAST, BenchmarkWorker
from rookery.load.report.provenance import ROOT, server_cpu

if TYPE_CHECKING:
    from benchmarks.servers.authority import Authority
    from benchmarks.servers.server_spec import ServerSpec

BARE: Final = "bare numpy, xgboost and model"
UNGUARDED: Final = f"{FAST.name}, behind Cloud Run's own check of tokens"
WITHOUT_FOREST: Final = f"{FAST.name}, without a compiled forest"
FORESTED: Final = f"{FAST.name}, its compiled forest answering"
HOUR: Final = "over an hour's worth"
HOUR_RATE: Final = 200
HOUR_REQUESTS: Final = HOUR_RATE * 3600
"""The requests of an hour at so many readings a second."""

_CONNECTIONS: Final = 64
_STARTS_A_ROUND: Final = 2
_LONGEST_S: Final = 120


def measure(run: BenchmarkRun) -> Section:
    """Start both in turn, then let one worker serve an hour's worth of requests."""
    section = Section()
    _compile()
    for nth in range(run.rounds * (1 if run.quick else _STARTS_A_ROUND)):
        section.add(nth, BARE, **_bare(run))
        section.add(nth, FAST.name, **_worker(run, f"{nth}", run.authority))
        section.add(nth, UNGUARDED, **_worker(run, f"{nth}-unguarded", None))
        off = replace(FAST, environment={"ROOKERY_COMPILED_FOREST": "off"})
        section.add(nth, WITHOUT_FOREST, **_worker(run, f"{nth}-without", run.authority, contender=off))
        if nth < run.rounds:
            section.add(nth, FORESTED, **_forested(run, nth))
    say("footprint: started in turn; now an hour's worth of requests")
    _hour(run, section)
    section.notes[BARE] = "no scikit-learn to import, as in the worker's image"
    return section


def _compile() -> None:
    """Compile what both import of this checkout, as the image does and an installation, whatever the shell says of it."""
    for package in ("benchmarks", "schemas", "worker"):
        compileall.compile_dir(ROOT / package, quiet=2)


def _bare(run: BenchmarkRun) -> dict[str, float]:
    begin = time.monotonic()
    process = PinnedProcess(
        [sys.executable, "-m", f"{PEERS}.bare"],
        log=run.folder / "bare.log",
        environment={"BENCH_MODEL": str(run.reference.model)},
        cpu=server_cpu(),
        talks=True,
    )
    with process:
        said = process.popen.stdout.readline() if process.popen.stdout else b""
        seconds = time.monotonic() - begin
        if said != b"ready\n":
            process.check()
            raise EnvironmentMissingError("the bare process did not become ready")
        return {"start_seconds": seconds, "rss_mb": process.rss_mb(), "pss_mb": process.pss_mb()}


def _worker(
    run: BenchmarkRun, name: str, authority: Authority | None, *, contender: ServerSpec = FAST
) -> dict[str, float]:
    folder = run.folder / f"start-{name}"
    folder.mkdir()
    with BenchmarkWorker(contender, run.reference, folder, authority=authority, hasty=True) as worker:
        return {
            "start_seconds": worker.start_seconds,
            "rss_mb": worker.rss_ready_mb,
            "rss_after_400_mb": worker.process.rss_mb(),
            "pss_mb": worker.process.pss_mb(),
        }


def _forested(run: BenchmarkRun, nth: int) -> dict[str, float]:
    """Give the memory of a worker whose forest has taken over, and answered."""
    folder = run.folder / f"forested-{nth}"
    folder.mkdir()
    with BenchmarkWorker(FAST, run.reference, folder, authority=run.authority) as worker:
        return {"rss_mb": worker.process.rss_mb(), "pss_mb": worker.process.pss_mb()}


def _hour(run: BenchmarkRun, section: Section) -> None:
    """Serve as fast as it goes what an hour at HOUR_RATE brings, and look at the memory after each stretch."""
    wanted = HOUR_REQUESTS // (10 if run.quick else 1)
    longest = 15 if run.quick else _LONGEST_S
    folder = run.folder / "hour"
    folder.mkdir()
    served, begin = 0, time.monotonic()
    with BenchmarkWorker(FAST, run.reference, folder, authority=run.authority) as worker:
        while served < wanted and time.monotonic() - begin < longest:
            served += worker.load(connections=_CONNECTIONS, seconds=1 if run.quick else 2).stretch.requests
            section.add(
                0, HOUR, requests=served, rss_mb=worker.process.rss_mb(), pss_mb=worker.process.pss_mb()
            )
    if served < wanted:
        section.leave_out(HOUR, f"only {served:,} of {wanted:,} requests were served within {longest} s")
    section.notes[HOUR] = f"{served:,} requests, {_CONNECTIONS} connections, one worker"
