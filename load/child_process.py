"""ChildProcess: a program that runs as a child process: started, awaited, read, and ended by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final, Self

from rookery.load.signals import signals_deferred
from rookery.schemas.output.permissions import opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

READY_WITHIN_S: Final = 30.0
_TAIL_LINES: Final = 12


class ProcessFailedError(RuntimeError):
    """A program did not start, ended by itself or did not end."""


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this Python; `-P` keeps the working directory off its import path."""
    return [sys.executable, "-P", "-m", module, *arguments]


class ChildProcess:
    """A command with its output in `folder/NAME.log`; a context manager that leaves no process behind.

    A program that says when it is ready writes its address into `folder/NAME.ready`. `environment` adds to this
    process's own; `output` is the file of the standard output where that is not the log. The child has a session of its
    own: a Ctrl-C reaches only the parent, which then ends its children in the order that it chose. Subclasses choose the
    exception by overriding `failure`.
    """

    ends_within_s: float = 12.0
    """Seconds between the signal to end and SIGKILL: the drain of a worker takes at most 10 s."""

    poll_every_s: float = 0.01

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        output: Path | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.ready_file = folder / f"{name}.ready"
        self._command = list(command)
        self._environment = {**os.environ, **(environment or {})}
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process. Signals wait meanwhile, so that no process is started whose id is not kept."""
        self.ready_file.unlink(missing_ok=True)
        with signals_deferred(), self._streams() as streams:
            self._process = subprocess.Popen(  # noqa: S603  a program of this project's choice, no shell
                self._command, env=self._environment, start_new_session=True, **streams
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.popen.pid

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self.popen.poll()

    @property
    def popen(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        if self._process is None:
            message = f"the {self.name} was not started"
            raise RuntimeError(message)
        return self._process

    def address(self, *, within_s: float = READY_WITHIN_S) -> str:
        """Wait for the ready file and return its text; raises `failure` where the program ends or takes longer."""
        self.wait_until(self.ready_file.exists, within_s=within_s)
        return self.ready_file.read_text().strip()

    def wait_until(self, ready: Callable[[], bool], *, within_s: float = READY_WITHIN_S) -> None:
        """Poll until the program is ready; raises `failure` where it ends or takes longer."""
        until = time.monotonic() + within_s
        while not ready():
            self.check()
            if time.monotonic() > until:
                raise self.failure(f"The {self.name} was not ready within {within_s:g} s.")
            time.sleep(self.poll_every_s)

    def wait(
        self, *, within_s: float, meanwhile: Callable[[], None] = lambda: None, every_s: float = 0.5
    ) -> int:
        """Wait until the program ends by itself and return its exit code; `meanwhile` is called every `every_s` seconds."""
        until = time.monotonic() + within_s
        while True:
            try:
                return self.popen.wait(every_s)
            except subprocess.TimeoutExpired:
                meanwhile()
            if time.monotonic() > until:
                raise self.failure(f"The {self.name} did not end within {within_s:g} s.")

    def check(self) -> None:
        """Raise `failure` where the program has ended by itself."""
        if self.code is not None:
            raise self.failure(f"The {self.name} ended with exit code {self.code}.")

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """Signal the program to end, kill it after `ends_within_s`, and return its exit code; again is fine."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(self.ends_within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def failure(self, message: str) -> Exception:
        """The exception that reports a failure of this program."""
        return ProcessFailedError(f"{message}\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of the log, under its name."""
        last = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if self.log.exists() else []
        return "\n  ".join([f"The end of {self.log}:", *(f"  {line}" for line in last or ["(it is empty)"])])

    @contextmanager
    def _streams(self) -> Iterator[dict[str, Any]]:
        """The standard streams of the child, open while it starts."""
        with _appended(self.log) as log:
            if self._output is None:
                yield {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
                return
            with self._output.open("wb") as output:
                yield {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": log}


def _appended(log: Path) -> IO[bytes]:
    return open(log, "ab", opener=opener())
