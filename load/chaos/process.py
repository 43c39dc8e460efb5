"""RestartableProcess: one of Rookery's programs, killed and started again as often as it takes, and what it logged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_READY_WITHIN_S: Final = 30.0
_ENDS_WITHIN_S: Final = 12.0
_LOOK_EVERY_S: Final = 0.01


class ProcessFailedError(RuntimeError):
    """The run cannot go on: a program did not start, ended by itself or did not end."""


class RestartableProcess:
    """`python -m MODULE ...` with its log in `folder/NAME.log`; a context manager that leaves nothing behind.

    The program writes its address into `folder/NAME.ready`. `tracebacks` are the log lines that hold one.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, folder: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.ready_file = folder / f"{name}.ready"
        self.log = folder / f"{name}.log"
        self.tracebacks: list[str] = []
        self._command = [sys.executable, "-P", "-m", *command]
        self._environment = {**os.environ, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.end(9)

    @property
    def pid(self) -> int:
        """The id of the process that runs now."""
        return self._running.pid

    def settings(self, **changed: str) -> None:
        """Change settings for the next start."""
        self._environment.update(changed)

    def start(self) -> str:
        """Start the program and return its address once it is ready; raises ProcessFailedError."""
        self.ready_file.unlink(missing_ok=True)
        # A pipe and not the file itself: the log goes on while the program's own files fail.
        self._process = subprocess.Popen(  # noqa: S603  our own program, no shell
            self._command, env=self._environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), name=f"{self.name} log")
        self._reader.start()
        return self._address()

    def end(self, number: int) -> int:
        """Send a signal, wait for the end and return the exit code; raises ProcessFailedError where it ended before or never does."""
        process = self._running
        if process.poll() is not None:
            raise ProcessFailedError(f"{self.name} ended by itself with {process.returncode}; see {self.log}")
        process.send_signal(number)
        try:
            code = process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ProcessFailedError(
                f"{self.name} did not end within {_ENDS_WITHIN_S:g} s of signal {number}"
            ) from None
        finally:
            if self._reader is not None:
                self._reader.join()
        return code

    def _address(self) -> str:
        until = time.monotonic() + _READY_WITHIN_S
        while not self.ready_file.exists():
            if self._running.poll() is not None or time.monotonic() > until:
                raise ProcessFailedError(f"{self.name} did not become ready; see {self.log}")
            time.sleep(_LOOK_EVERY_S)
        return self.ready_file.read_text().strip()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        if process.stderr is None:
            return
        with process.stderr as lines, self.log.open("ab") as log:
            for line in lines:
                log.write(line)
                if _is_traceback(line):
                    self.tracebacks.append(f"{self.name}: {line.decode(errors='replace')[:2000]}")

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ProcessFailedError(f"{self.name} was not started")
        return self._process


def _is_traceback(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return line.startswith(b"Traceback")
    return isinstance(record, dict) and "exception" in record
