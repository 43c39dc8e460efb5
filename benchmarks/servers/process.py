"""PinnedProcess: a program of the benchmark, pinned to a CPU, with what it has used of it, it and its children."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any, Final

import psutil

from benchmarks.servers.environment import EnvironmentMissingError
from rookery.load.child_process import ChildProcess
from rookery.load.report.provenance import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_SETTLES_WITHIN_S: Final = 10.0
_IDLE_S: Final = 0.1


class PinnedProcess(ChildProcess):
    """A started program; a context manager that leaves none of its children behind.

    `cpu` None leaves it on all CPUs. Its output goes to `log`; its standard input and output are pipes of the caller
    where `talks` is true.
    """

    ends_within_s = 15.0
    poll_every_s = 0.002

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        cpu: int | None = None,
        talks: bool = False,
    ) -> None:
        pinned = command if cpu is None else ["taskset", "-c", str(cpu), *command]
        super().__init__(
            log.stem, pinned, folder=log.parent, environment={"PYTHONPATH": str(ROOT), **(environment or {})}
        )
        self._talks = talks

    def start(self) -> None:
        """Start the program."""
        super().start()
        self._root = psutil.Process(self.pid)

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """End the program and its children, frozen ones too."""
        if self._process is None:
            return None
        tree = self.tree()
        self._signal(signal.SIGCONT)
        code = super().stop(number)
        _, alive = psutil.wait_procs(tree, timeout=self.ends_within_s)
        for each in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                # Input that the program did not read any more is lost with it.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        return code

    def failure(self, message: str) -> Exception:
        """An EnvironmentMissingError with the last words of the log: the section leaves the program out."""
        words = self.log.read_text(errors="replace").strip().splitlines() or ["nothing was logged"]
        return EnvironmentMissingError(f"{message} {words[-1][:200]}")

    @contextlib.contextmanager
    def _streams(self) -> Iterator[dict[str, Any]]:
        with super()._streams() as streams:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE} if self._talks else {}
            yield {**streams, **pipes, "cwd": self.log.parent}

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
            with contextlib.suppress(psutil.NoSuchProcess, OSError):
                ended = each.cpu_times()
                total += ended.children_user + ended.children_system
                total += time.clock_gettime(_cpu_clock(each.pid))
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


def _cpu_clock(pid: int) -> int:
    """The clock of a process's CPU time, in nanoseconds where `cpu_times` counts hundredths: clock_getcpuclockid(3)."""
    return ~pid << 3 | 2


def free_port() -> int:
    """Give a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
