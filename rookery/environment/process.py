"""ChildProcess: one of Rookery's own programs, started as a real process, awaited, and ended by its id."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final, Self

from rookery.environment.signals import signals_deferred
from rookery.errors import UserError
from rookery.schemas.output.permissions import opener

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

READY_WITHIN_S: Final = 30.0
ENDS_WITHIN_S: Final = 12.0
"""Seconds that a worker gets after SIGTERM: its own drain takes at most 10 s."""

WORKER: Final = ("rookery.worker",)
"""The worker's usual program: a package, and its arguments."""

_POLL_INTERVAL_S: Final = 0.01
_TAIL_LINES: Final = 12


class ChildProcess:
    """`python -P -m PACKAGE` with its output in a log; a context manager that leaves no process behind.

    `folder` gets the log and the ready file. The child is its own session: a Ctrl-C reaches only the
    parent, which then ends its children in its own order.
    """

    def __init__(
        self,
        package: str,
        folder: Path,
        *,
        arguments: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.name = package.rpartition(".")[2]
        self.log = folder / f"{self.name}.log"
        self.ready_file = folder / f"{self.name}.ready"
        self._command = [sys.executable, "-P", "-m", package, *arguments]
        self._environment = {**os.environ, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> None:
        """Start the process. A signal that comes meanwhile is deferred, so that no process is started and forgotten."""
        self.ready_file.unlink(missing_ok=True)
        with signals_deferred(), open(self.log, "ab", opener=opener()) as log:
            self._process = subprocess.Popen(  # noqa: S603  our own program, no shell
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._started.pid

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._started.poll()

    def address(self) -> str:
        """Wait until the child is ready and return the address in its ready file; raises UserError where it ended or hangs."""
        until = time.monotonic() + READY_WITHIN_S
        while not self.ready_file.exists():
            self.check()
            if time.monotonic() > until:
                raise UserError(
                    f"The {self.name} was not ready within {READY_WITHIN_S:g} s.", hint=self.tail()
                )
            time.sleep(_POLL_INTERVAL_S)
        return self.ready_file.read_text().strip()

    def check(self) -> None:
        """Raise UserError, with the end of the log, where the child has ended by itself."""
        if self.code is not None:
            raise UserError(f"The {self.name} ended with exit code {self.code}.", hint=self.tail())

    def end(self) -> int | None:
        """Terminate the child, kill it after ENDS_WITHIN_S, and return its exit code; a second call is harmless."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.terminate()
        try:
            return process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def tail(self) -> str:
        """The last lines of the log, under its name."""
        last = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if self.log.exists() else []
        return "\n  ".join([f"The end of {self.log}:", *(f"  {line}" for line in last or ["(it is empty)"])])

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            message = f"the {self.name} was not started"
            raise RuntimeError(message)
        return self._process


def broker(folder: Path, *, port: int = 0) -> ChildProcess:
    """The embedded broker, on a free port of the loopback unless `port` is given."""
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--ready-file", str(folder / "broker.ready")]
    return ChildProcess("rookery.broker", folder, arguments=arguments)


def worker(  # noqa: PLR0913  each is a choice of its own, by keyword
    folder: Path,
    *,
    results: Path | str,
    rejects: Path | str,
    port: int = 0,
    settings: Mapping[str, str] | None = None,
    command: Sequence[str] = WORKER,
) -> ChildProcess:
    """A worker that writes into two folders or to two addresses, on a free port of the loopback unless `port` is given."""
    package, *arguments = command
    environment = {
        **(settings or {}),
        "ROOKERY_HOST": "127.0.0.1",
        "ROOKERY_PORT": str(port),
        "ROOKERY_RESULTS": _address(results),
        "ROOKERY_REJECTS": _address(rejects),
        "ROOKERY_READY_FILE": str(folder / f"{package.rpartition('.')[2]}.ready"),
    }
    return ChildProcess(package, folder, arguments=arguments, settings=environment)


def _address(where: Path | str) -> str:
    return where if isinstance(where, str) else where.absolute().as_uri()
