"""LivenessCheck: a program that runs and answers nothing is killed, so that its supervisor starts it again."""

from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING, Final, Self

from rookery.station.log import STATION

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from rookery.station.log import StationLog
    from rookery.station.supervised_process import SupervisedProcess

EVERY_S: Final = 10.0
ANSWERS_WITHIN_S: Final = 10.0
MOST_FAILURES: Final = 6
"""Failures in a row before a kill: a machine that is busy answers late, and seldom for so long."""


class LivenessCheck:
    """Asks each ready program over HTTP, `HOST:PORT/PATH`, whether it is alive; a context manager."""

    def __init__(self, probes: Mapping[SupervisedProcess, str], log: StationLog) -> None:
        self._probes = probes
        self._log = log
        self._over = threading.Event()
        self._failures: dict[subprocess.Popen[bytes], int] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="liveness", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Not joined: a drain shall not wait for a probe.
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            ready = {each: where for each, where in self._probes.items() if each.ready_since is not None}
            self._failures = {each.popen: self._failures.get(each.popen, 0) for each in ready}
            for process, where in ready.items():
                self._check(process.name, process.popen, where)

    def _check(self, name: str, process: subprocess.Popen[bytes], where: str) -> None:
        if process.poll() is not None or alive(where):
            self._failures[process] = 0
            return
        self._failures[process] = self._failures.get(process, 0) + 1
        if self._failures[process] >= MOST_FAILURES and not self._over.is_set():
            self._log.write(STATION, f"{name} was not alive {MOST_FAILURES} times in a row, and is killed")
            process.kill()


def alive(where: str) -> bool:
    """Whether `HOST:PORT/PATH` answers 200."""
    address, _, path = where.partition("/")
    connection = http.client.HTTPConnection(address, timeout=ANSWERS_WITHIN_S)
    try:
        connection.request("GET", f"/{path}")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
