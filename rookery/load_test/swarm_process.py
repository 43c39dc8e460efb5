"""SwarmProcess: one Locust process, told what to do, waited for, and listened to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery import load
from rookery.environment.signals import put_off
from rookery.errors import UserError
from rookery.load.swarm.settings import PREFIX, told, wishes
from rookery.load.swarm.stages import course

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rookery.load.report.run_folder import RunFolder
    from rookery.load.swarm.stages import StagePlan
    from rookery.load_test.options import LoadOptions
    from rookery.load_test.target import TargetAddress

_LOCUSTFILE: Final = Path(load.__path__[0]) / "locustfile.py"
_LOOK_EVERY_S: Final = 0.5
_FINISHES_WITHIN_S: Final = 30
_ENDS_WITHIN_S: Final = 60.0
_AFTER_S: Final = 120.0
"""What a swarm gets beyond its course: to start, and for its users to finish."""

_GENTLE: Final[Mapping[str, Mapping[str, object]]] = {
    # Two pushes at a time: whatever waits, it does not push more of it.
    "emulator": {"storm_rate": 50, "storm_messages": 5},
    "broker": {},
    "production": {},
}


class SwarmProcess:
    """Runs a swarm at a place; `rows` are Locust's statistics and `complaints` what it warned of, once it is over."""

    def __init__(self, order: LoadOptions, place: TargetAddress, folder: RunFolder) -> None:
        self._log = folder.root / "logs" / "locust.log"
        self._statistics = folder.root / "locust.json"
        self.wishes = _wishes(order, place, folder)
        self._command = [
            *(
                sys.executable,
                "-P",
                "-m",
                "locust",
                "-f",
                str(_LOCUSTFILE),
                "--headless",
                "--only-summary",
                "--json",
            ),
            *("--host", place.host, "--topic", place.topic, "--stop-timeout", str(_FINISHES_WITHIN_S)),
            *("--html", str(folder.locust), "--loglevel", "INFO"),
        ]
        self._within_s = _course(self.wishes).seconds + _AFTER_S
        self.rows: Sequence[Mapping[str, Any]] = []
        self.complaints: list[str] = []

    def run(self, meanwhile: Callable[[], None]) -> None:
        """Run the swarm to its end; `meanwhile` is called twice a second and may raise. Raises UserError."""
        environment = {**os.environ, **self.wishes}
        with self._log.open("wb") as log, self._statistics.open("wb") as statistics:
            with put_off():
                process = subprocess.Popen(  # noqa: S603  our own swarm, no shell
                    self._command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=statistics,
                    stderr=log,
                    start_new_session=True,
                )
            try:
                code = _wait(process, meanwhile, within_s=self._within_s)
            finally:
                _end(process)
        self._listen(code)

    def _listen(self, code: int) -> None:
        """Read what it said. Its exit code is 1 where a request failed, which is no trouble here."""
        lines = self._log.read_text(errors="replace").splitlines()
        try:
            self.rows = json.loads(self._statistics.read_text())
        except ValueError:
            raise UserError(
                f"The swarm ended with exit code {code} and no statistics.", hint="\n  ".join(lines[-8:])
            ) from None
        self.complaints = [line for line in lines if any(word in line for word in _COMPLAINTS)]


def _course(told_so_far: Mapping[str, str]) -> StagePlan:
    """What the swarm will do; raises UserError where it would not understand its environment."""
    try:
        return course(wishes({**os.environ, **told_so_far}))
    except ValueError as error:
        raise UserError(str(error), hint="load/swarm/settings.py lists what can be wished.") from None


_COMPLAINTS: Final = ("/WARNING/", "/ERROR/", "Warning:", "Traceback", "gevent")


def _wait(process: subprocess.Popen[bytes], meanwhile: Callable[[], None], *, within_s: float) -> int:
    until = time.monotonic() + within_s
    while True:
        try:
            return process.wait(_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            meanwhile()
        if time.monotonic() > until:
            raise UserError(f"The swarm did not end within {within_s:.0f} s.")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wishes(order: LoadOptions, place: TargetAddress, folder: RunFolder) -> dict[str, str]:
    """What the swarm is told: the order's own words win over the environment's, and these over what suits the target."""
    here = bool(place.worker)
    suits = told(**_GENTLE[order.target.value])
    return {
        **suits,
        **{name: value for name, value in os.environ.items() if name.startswith(PREFIX)},
        **told(
            **order.wishes,
            shape=order.shape,
            folder=folder.root.absolute(),
            birds=folder.birds.absolute(),
            results=(folder.root / "predictions").absolute() if here else None,
            rejects=(folder.root / "rejections").absolute() if here else None,
            cap=order.cap,
        ),
    }
