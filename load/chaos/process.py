"""RestartableProcess: one of Rookery's programs, killed and started again as often as it takes, with its tracebacks."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rookery.load.child_process import ChildProcess, module_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_READY_WITHIN_S: Final = 120.0
"""Seconds for a start on a machine that much else wants to run on: slowness is no fault of the programs."""


class RestartableProcess(ChildProcess):
    """`python -P -m MODULE ...`, ready once it is started; `tracebacks` are the log lines that hold one."""

    ends_within_s = 60.0

    def __init__(
        self, name: str, command: Sequence[str], *, folder: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(name, module_command(*command), folder=folder, environment=settings)
        self.tracebacks: list[str] = []
        self._reader: threading.Thread | None = None

    def settings(self, **changed: str) -> None:
        """Change settings for the next start."""
        self._environment.update(changed)

    def start(self) -> None:
        """Start the program and wait until it is ready; raises ProcessFailedError."""
        super().start()
        self._reader = threading.Thread(target=self._read, args=(self.popen,), name=f"{self.name} log")
        self._reader.start()
        try:
            self.address(within_s=_READY_WITHIN_S)
        except BaseException:
            self.stop()
            raise

    def end(self, number: int) -> int:
        """Send a signal, wait for the end and return the exit code; raises ProcessFailedError where it ended before or never does."""
        self.check()
        code = self.stop(number)
        if code is None or (code == -signal.SIGKILL and number != signal.SIGKILL):
            raise self.failure(
                f"The {self.name} did not end within {self.ends_within_s:g} s of signal {number}."
            )
        return code

    def stop(self, number: int = signal.SIGKILL) -> int | None:
        """Kill the program, or send another signal first, and return its exit code once its log is complete."""
        code = super().stop(number)
        if self._reader is not None:
            self._reader.join()
        return code

    def failure(self, message: str) -> Exception:
        """A ProcessFailedError with the end of a complete log, where the program has ended."""
        if self.code is not None and self._reader is not None:
            self._reader.join()
        return super().failure(message)

    @contextmanager
    def _streams(self) -> Iterator[dict[str, Any]]:
        # A pipe and not the file itself: the log goes on while the program's own files fail.
        yield {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE}

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        if process.stderr is None:
            return
        with process.stderr as lines, self.log.open("ab") as log:
            for line in lines:
                log.write(line)
                if _is_traceback(line):
                    self.tracebacks.append(f"{self.name}: {line.decode(errors='replace')[:2000]}")


def _is_traceback(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return line.startswith(b"Traceback")
    return isinstance(record, dict) and "exception" in record
