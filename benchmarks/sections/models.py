"""Models: push, pull and mosec with the shipped model, the reference and a large one, at 64 connections."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.sections.contest import Contest
from benchmarks.servers.pull_worker import PULL, PullWorker
from benchmarks.servers.server import BenchmarkServer
from benchmarks.servers.server_spec import DURABLE_MOSEC, MOSEC
from benchmarks.servers.worker import FAST, BenchmarkWorker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.sections.contest import Contender
    from benchmarks.servers.reference_answers import ReferenceAnswers

CONNECTIONS: Final = 64
_BATCHES_THAT_FIT: Final = 1
"""Of mosec's settings the first, 64: with as many connections the others are slower or as fast."""


def measure(run: BenchmarkRun) -> Section:
    """Compare the ways with one model after the other."""
    section = Section()
    models = run.models()
    for name in ("reference", "large") if run.quick else ("shipped", "reference", "large"):
        folder = run.folder / f"models-{name}"
        folder.mkdir()
        contest = Contest(section, model=name)
        with ExitStack() as stack:
            contest.start(_contenders(run, models[name], folder), stack)
            for nth in range(run.rounds):
                contest.round(nth, connections=CONNECTIONS, seconds=run.seconds)
                say(f"models: {name}, round {nth + 1} of {run.rounds}")
    section.notes[FAST.name] = f"{FAST.note}; {CONNECTIONS} connections, as the peers"
    section.notes[PULL.name] = PULL.note
    return section


def _contenders(run: BenchmarkRun, reference: ReferenceAnswers, folder: Path) -> Iterator[Contender]:
    yield BenchmarkWorker(FAST, reference, folder, authority=run.authority)
    yield PullWorker(reference, folder)
    for each in (*MOSEC[:_BATCHES_THAT_FIT], *DURABLE_MOSEC[:_BATCHES_THAT_FIT]):
        yield BenchmarkServer(each, reference, folder, authority=run.authority)
