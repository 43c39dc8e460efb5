"""Single readings: every server at several numbers of connections, in interleaved rounds."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from benchmarks.progress import say
from benchmarks.run import BenchmarkRun, Section
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.server import BenchmarkServer
from benchmarks.servers.server_spec import AIOHTTP_NOOP, PEER_SERVERS, PROTOCOL_NOOP
from benchmarks.servers.worker import AIOHTTP, FAST, BenchmarkWorker

CONNECTIONS: Final = (8, 64, 256)
_LEFT_OUT_OF_QUICK: Final = frozenset({"BentoML", "LitServe", "MLServer", "mosec, batch 256"})


def measure(run: BenchmarkRun) -> Section:
    """Start the servers that are installed, check their answers, and load one after the other, round by round."""
    section = Section()
    with ExitStack() as stack:
        running = _start(run, section, stack)
        for each in running:
            # A first load that is not counted: what is compiled or paged in at first use is not the server's speed.
            _load(each, section, connections=64, seconds=1)
        for nth in range(run.rounds):
            for connections in CONNECTIONS[:-1] if run.quick else CONNECTIONS:
                for each in running:
                    if each.contender.name not in section.absent:
                        _measure(each, section, nth, connections=connections, seconds=run.seconds)
                say(f"singles: round {nth + 1} of {run.rounds}, {connections} connections")
    return section


def _start(run: BenchmarkRun, section: Section, stack: ExitStack) -> list[BenchmarkServer | BenchmarkWorker]:
    everybody: list[BenchmarkServer | BenchmarkWorker] = [
        BenchmarkWorker(FAST, run.reference, run.folder, authority=run.authority),
        BenchmarkWorker(AIOHTTP, run.reference, run.folder, authority=run.authority),
        *(
            BenchmarkServer(each, run.reference, run.folder)
            for each in (PROTOCOL_NOOP, AIOHTTP_NOOP, *PEER_SERVERS)
            if not (run.quick and each.name in _LEFT_OUT_OF_QUICK)
        ),
    ]
    running = []
    for each in everybody:
        name = each.contender.name
        say(f"singles: starting {name}, checking its answers")
        try:
            stack.enter_context(each)
        except EnvironmentMissingError as why:
            section.leave_out(name, why)
            continue
        each.process.freeze()
        running.append(each)
        section.notes[name] = each.contender.note
    return running


def _load(
    each: BenchmarkServer | BenchmarkWorker, section: Section, *, connections: int, seconds: int
) -> None:
    try:
        with each.process.awake():
            each.load(connections=connections, seconds=seconds)
    except EnvironmentMissingError as why:
        section.leave_out(each.contender.name, why)


def _measure(
    each: BenchmarkServer | BenchmarkWorker, section: Section, round_: int, *, connections: int, seconds: int
) -> None:
    name = each.contender.name
    try:
        with each.process.awake():
            found = each.load(connections=connections, seconds=seconds)
            pss = each.process.pss_mb()
    except EnvironmentMissingError as why:
        section.leave_out(f"{name}, {connections} connections, round {round_ + 1}", why)
        return
    section.add(
        round_,
        name,
        family=each.contender.family or name,
        connections=connections,
        per_second=found.stretch.per_second,
        cpu_us=found.cpu_us,
        p50_ms=found.stretch.p50_ms,
        p99_ms=found.stretch.p99_ms,
        server_busy=found.server_busy,
        generator_busy=found.stretch.busy,
        broken=found.stretch.broken,
        pss_mb=pss,
        start_seconds=each.start_seconds,
    )
