"""SupervisedProcess: a program of the station, whose lines go to the station's log and whose state becomes events."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.load.child_process import ChildProcess, ProcessFailedError, module_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from queue import SimpleQueue

    from rookery.station.log import StationLog

READY_WITHIN_S: Final = 300.0
"""Seconds for a start: a store of many million messages is read once."""

_LAST_LINES: Final = 20
_LOG_ENDS_WITHIN_S: Final = 2.0
"""Seconds for the last lines of a program that ended: a process that it left behind may keep the log open."""


@dataclass(frozen=True, slots=True)
class ProcessReady:
    """A program is ready."""

    process: SupervisedProcess


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """A program ended: with an exit code, or with the negative number of a signal."""

    process: SupervisedProcess
    code: int


class SupervisedProcess(ChildProcess):
    """`python -P -m MODULE ARGUMENTS` that ends with this process; each start gives one ProcessEnded."""

    poll_every_s = 0.05

    def __init__(  # noqa: PLR0913  each is a choice of its own, most of them by keyword
        self,
        name: str,
        module: str,
        *arguments: str,
        run: Path,
        log: StationLog,
        environment: Mapping[str, str] | None = None,
        says_ready: bool = True,
        ends_within_s: float = ChildProcess.ends_within_s,
    ) -> None:
        command = module_command("rookery.station.bound_process", module, *arguments)
        super().__init__(name, command, folder=run, environment=environment)
        self.ends_within_s = ends_within_s
        self.ready_since: float | None = None
        self._lines = log
        self._says_ready = says_ready
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    def launch(self, events: SimpleQueue[Any]) -> None:
        """Start the program, and put its events into a queue; raises OSError."""
        self._last.clear()
        self.ready_since = None
        self.start()
        reader = threading.Thread(target=self._read, args=(self.popen,), name=f"{self.name} log", daemon=True)
        reader.start()
        watcher = threading.Thread(
            target=self._watch, args=(events, reader), name=f"{self.name} watch", daemon=True
        )
        watcher.start()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self.code is None

    def reason(self) -> str:
        """Why it ended, in its own words: the critical lines of its log, or else the last line."""
        said = [_message(line) for line in self._last]
        reasons = [text for severity, text in said if severity == "CRITICAL"] or [
            text for _, text in said[-1:]
        ]
        return "; ".join(text.removeprefix(f"{self.name}: ") for text in reasons) or "no reason is in its log"

    @contextmanager
    def _streams(self) -> Iterator[dict[str, Any]]:
        yield {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with process.stdout as lines:
            for line in lines:
                text = line.decode(errors="replace").rstrip()
                self._last.append(text)
                self._lines.write(self.name, text)

    def _watch(self, events: SimpleQueue[Any], reader: threading.Thread) -> None:
        process = self.popen
        if self._says_ready:
            self._await_ready(events)
        code = process.wait()
        if process.stdin is not None:
            process.stdin.close()
        reader.join(_LOG_ENDS_WITHIN_S)
        events.put(ProcessEnded(self, code))

    def _await_ready(self, events: SimpleQueue[Any]) -> None:
        try:
            self.address(within_s=READY_WITHIN_S)
        except ProcessFailedError:
            if self.code is None:
                self._lines.write(self.name, f"not ready within {READY_WITHIN_S:g} s: killed")
                self.popen.kill()
        else:
            self.ready_since = time.monotonic()
            events.put(ProcessReady(self))


def _message(line: str) -> tuple[str, str]:
    """The severity and the text of a line, whether JSON or plain."""
    try:
        record = json.loads(line)
        return str(record["severity"]), str(record["message"])
    except (ValueError, KeyError, TypeError):
        return "", line
