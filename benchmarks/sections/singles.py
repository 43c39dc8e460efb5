"""Single readings: every server at several numbers of connections, in interleaved rounds."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.sections.contest import Contest
from benchmarks.servers.server import BenchmarkServer
from benchmarks.servers.server_spec import AIOHTTP_NOOP, EQUAL_SERVERS, PEER_SERVERS, PROTOCOL_NOOP
from benchmarks.servers.worker import FAST, SLOW, BenchmarkWorker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.sections.contest import Contender

CONNECTIONS: Final = (8, 64, 256)
_OF_QUICK: Final = frozenset(
    {PROTOCOL_NOOP.name, "mosec, batch 64", "mosec, batch 8", "FastAPI + inplace_predict"}
    | {"durable mosec, batch 64", "durable mosec, batch 8", "durable FastAPI"}
)


def measure(run: BenchmarkRun) -> Section:
    """Start the servers that are installed, check their answers, and load one after the other, round by round."""
    section = Section()
    folder = run.folder / "singles"
    folder.mkdir()
    with ExitStack() as stack:
        contest = Contest(section)
        contest.start(_contenders(run, folder), stack)
        for nth in range(run.rounds):
            for connections in CONNECTIONS:
                contest.round(nth, connections=connections, seconds=run.seconds)
                say(f"singles: round {nth + 1} of {run.rounds}, {connections} connections")
    return section


def _contenders(run: BenchmarkRun, folder: Path) -> Iterator[Contender]:
    yield BenchmarkWorker(FAST, run.reference, folder, authority=run.authority)
    if not run.quick:
        yield BenchmarkWorker(SLOW, run.reference, folder, authority=run.authority)
    for each in (PROTOCOL_NOOP, AIOHTTP_NOOP, *PEER_SERVERS, *EQUAL_SERVERS):
        if not run.quick or each.name in _OF_QUICK:
            yield BenchmarkServer(each, run.reference, folder, authority=run.authority)
