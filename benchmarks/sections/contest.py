"""Contest: servers that are loaded in turn, one at a time while the others are stopped, round by round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.progress import say
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.server import BenchmarkServer
from benchmarks.servers.worker import BenchmarkWorker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import ExitStack

    from benchmarks.run import Section

Contender = BenchmarkServer | BenchmarkWorker
"""A server that can be loaded."""


class Contest:
    """The servers that could be started; `facts` stand in each of their records."""

    def __init__(self, section: Section, **facts: float | str) -> None:
        self.running: list[Contender] = []
        self._section = section
        self._facts = facts

    def start(self, contenders: Iterable[Contender], stack: ExitStack) -> None:
        """Start servers and check their answers; who cannot be is left out."""
        for each in contenders:
            name = each.contender.name
            say(f"  starting {name}, checking its answers")
            try:
                stack.enter_context(each)
            except EnvironmentMissingError as why:
                self._section.leave_out(name, why)
                continue
            each.process.freeze()
            self.running.append(each)
            self._section.notes[name] = each.contender.note
        for each in self.running:
            # A first load that is not counted: what is compiled or paged in at first use is not the server's speed.
            self._load(each, connections=64, seconds=1)

    def round(self, number: int, *, connections: int, seconds: int) -> None:
        """Load one after the other and keep what each did."""
        for each in self.running:
            if each.contender.name not in self._section.absent:
                self._measure(each, number, connections=connections, seconds=seconds)

    def _load(self, each: Contender, *, connections: int, seconds: int) -> None:
        try:
            with each.process.awake():
                each.load(connections=connections, seconds=seconds)
        except EnvironmentMissingError as why:
            self._section.leave_out(each.contender.name, why)

    def _measure(self, each: Contender, number: int, *, connections: int, seconds: int) -> None:
        name = each.contender.name
        try:
            with each.process.awake():
                found = each.load(connections=connections, seconds=seconds)
                pss = each.process.pss_mb()
        except EnvironmentMissingError as why:
            self._section.leave_out(f"{name}, {connections} connections, round {number + 1}", why)
            return
        self._section.add(
            number,
            name,
            **self._facts,
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
