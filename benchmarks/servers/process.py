"""PinnedProcess: a program of the benchmark, pinned to a CPU, with what it has used of it, it and its children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final, Self

import psutil

from benchmarks.servers.environment import EnvironmentMissingError
from rookery.load.report.provenance import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_ENDS_WITHIN_S: Final = 15.0
_SETTLES_WITHIN_S: Final = 10.0
_IDLE_S: Final = 0.1


class PinnedProcess:
    """A started program; a context manager that leaves none of its children behind.

    `cpu` None leaves it on all CPUs. What it writes goes to `log`; its standard input and output stay with the caller
    where `talks` is true.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        cpu: int | None = None,
        talks: bool = False,
    ) -> None:
        self._command = list(command) if cpu is None else ["taskset", "-c", str(cpu), *command]
        self._log = log
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        self._talks = talks

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self.popen = subprocess.Popen(  # noqa: S603  programs of this benchmark, no shell
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE if self._talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if self._talks else log,
                stderr=log,
                cwd=self._log.parent,
                start_new_session=True,
                text=True,
            )
        self._root = psutil.Process(self.popen.pid)
        return self

    def __exit__(self, *_: object) -> None:
        tree = self.tree()
        self._signal(signal.SIGCONT)
        if self.popen.poll() is None:
            self.popen.terminate()
        _, alive = psutil.wait_procs(tree, timeout=_ENDS_WITHIN_S)
        for each in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            # A pipe that nobody reads must not hold the end up.
            self.popen.communicate(timeout=_ENDS_WITHIN_S)

    def alive(self) -> None:
        """Raise Absent with the last words of its log where it has ended."""
        if self.popen.poll() is not None:
            words = self._log.read_text(errors="replace").strip().splitlines() or ["nothing was logged"]
            raise EnvironmentMissingError(f"it ended with {self.popen.returncode}: {words[-1][:200]}")

    def tree(self) -> list[psutil.Process]:
        """Give it and its children, as far as they run."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self._root, *self._root.children(recursive=True)]
        return []

    def freeze(self) -> None:
        """Stop it where it stands, so that it takes nothing from the one that is measured."""
        self._signal(signal.SIGSTOP)

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Let it go on for a while."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.freeze()

    def cpu_seconds(self) -> float:
        """Give the CPU time that it and its children have used, those that have ended included."""
        total = 0.0
        for each in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                used = each.cpu_times()
                total += used.user + used.system + used.children_user + used.children_system
        return total

    def settle(self) -> None:
        """Wait until it has finished what callers who left had asked, for that must not count against its next stretch."""
        until, before = time.monotonic() + _SETTLES_WITHIN_S, self.cpu_seconds()
        while time.monotonic() < until:
            time.sleep(_IDLE_S)
            now = self.cpu_seconds()
            if now - before < _IDLE_S / 10:
                return
            before = now

    def pss_mb(self) -> float:
        """Give the memory that it and its children hold, what they share counted once."""
        held = 0
        for each in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                held += each.memory_full_info().pss
        return held / 2**20

    def rss_mb(self) -> float:
        """Give the resident memory of it alone."""
        resident: int = self._root.memory_info().rss
        return resident / 2**20

    def _signal(self, number: int) -> None:
        for each in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)


def free_port() -> int:
    """Give a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
