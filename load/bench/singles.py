"""Single readings: every server at several numbers of connections, in interleaved rounds."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from load.bench.contender import AIOHTTP_NOOP, PEER_SERVERS, PROTOCOL_NOOP
from load.bench.environment import Absent
from load.bench.progress import say
from load.bench.run import Run, Section
from load.bench.server import Server
from load.bench.worker import AIOHTTP, FAST, Worker

CONNECTIONS: Final = (8, 64, 256)
_LEFT_OUT_OF_QUICK: Final = frozenset({"BentoML", "LitServe", "MLServer", "mosec, batch 256"})


def measure(run: Run) -> Section:
    """Start whom there is, check their answers, and load one after the other, round by round."""
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


def _start(run: Run, section: Section, stack: ExitStack) -> list[Server | Worker]:
    everybody: list[Server | Worker] = [
        Worker(FAST, run.truth, run.folder, authority=run.authority),
        Worker(AIOHTTP, run.truth, run.folder, authority=run.authority),
        *(
            Server(each, run.truth, run.folder)
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
        except Absent as why:
            section.leave_out(name, why)
            continue
        each.process.freeze()
        running.append(each)
        section.notes[name] = each.contender.note
    return running


def _load(each: Server | Worker, section: Section, *, connections: int, seconds: int) -> None:
    try:
        with each.process.awake():
            each.load(connections=connections, seconds=seconds)
    except Absent as why:
        section.leave_out(each.contender.name, why)


def _measure(each: Server | Worker, section: Section, round_: int, *, connections: int, seconds: int) -> None:
    name = each.contender.name
    try:
        with each.process.awake():
            found = each.load(connections=connections, seconds=seconds)
            pss = each.process.pss_mb()
    except Absent as why:
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
