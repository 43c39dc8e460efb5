"""PullWorker: the real worker process that pulls, fed by a stand-in for StreamingPull; its CPU time alone is counted."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from benchmarks.generators import wrk
from benchmarks.servers.authority import wait_for
from benchmarks.servers.environment import EnvironmentMissingError
from benchmarks.servers.process import PinnedProcess
from benchmarks.servers.reference_answers import pushes
from benchmarks.servers.server import cost
from benchmarks.servers.worker import FAST, BenchmarkWorker
from rookery.load.report.provenance import generator_cpu

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.servers.reference_answers import ReferenceAnswers
    from benchmarks.servers.server import ServerCost

PULL: Final = replace(
    FAST,
    name="Rookery, pull",
    note="folder sink; responses of 500 messages, up to 2,000 of them outstanding, from a stand-in for StreamingPull",
)
_SUBSCRIPTION: Final = "projects/bench/subscriptions/pull"
_READY_WITHIN_S: Final = 120.0


class PullWorker(BenchmarkWorker):
    """A worker that pulls, and the stand-in that it pulls from; a context manager."""

    def __init__(self, reference: ReferenceAnswers, folder: Path, *, hasty: bool = False) -> None:
        super().__init__(PULL, reference, folder, authority=None, hasty=hasty)
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        """Start both, and check what becomes durable; raises EnvironmentMissingError."""
        self._folder.mkdir()
        bodies, ready = self._folder / "bodies", self._folder / "source.ready"
        bodies.write_bytes(b"\0".join(pushes(self._reference.readings)))
        self._source = PinnedProcess(
            [sys.executable, "-m", "benchmarks.generators.streaming_pull", str(bodies), str(ready)],
            log=self._folder / "source.log",
            cpu=generator_cpu(),
            talks=True,
        )
        with ExitStack() as stack:
            stack.enter_context(self._source)
            self._emulator = wait_for(ready, self._source, within_s=_READY_WITHIN_S)
            super().__enter__()
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *details: object) -> None:
        super().__exit__(*details)
        self._exit.close()

    def load(self, *, connections: int, seconds: int, requests: Path | None = None) -> ServerCost:
        """Let it pull for some seconds over its one stream; what it wrote is deleted after."""
        del connections, requests
        found = cost(self.process, lambda: self._stretch(seconds))
        self.tidy()
        return found

    def _stretch(self, seconds: int) -> wrk.WrkResult:
        before = self._source.cpu_seconds()
        said = self._ask(wrk.next_first(), seconds)
        return wrk.WrkResult(**said, busy=(self._source.cpu_seconds() - before) / said["seconds"])

    def _ask(self, first: int, seconds: int) -> dict[str, Any]:
        asking, answering = self._source.popen.stdin, self._source.popen.stdout
        if asking is None or answering is None:
            raise EnvironmentMissingError("it was started without pipes")
        asking.write(f"{first} {seconds}\n".encode())
        asking.flush()
        said: dict[str, Any] = json.loads(answering.readline() or b"{}")
        self._source.check()
        if said.get("broken"):
            raise EnvironmentMissingError(f"{said['broken']} messages were not acknowledged")
        return said

    def _deliver_each(self) -> list[str]:
        first = wrk.next_first()
        self._ask(first, 0)
        return [f"{first + nth:016d}" for nth in range(len(self._reference.readings))]

    def _settings(self, ready: Path) -> Mapping[str, str]:
        return {
            **super()._settings(ready),
            "ROOKERY_PULL": _SUBSCRIPTION,
            "PUBSUB_EMULATOR_HOST": self._emulator,
        }
