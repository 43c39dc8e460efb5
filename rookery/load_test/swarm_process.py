"""SwarmProcess: one Locust process, configured by its environment, awaited, and read for warnings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery import load
from rookery.environment.signals import signals_deferred
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
_POLL_INTERVAL_S: Final = 0.5
_FINISHES_WITHIN_S: Final = 30
_ENDS_WITHIN_S: Final = 60.0
_AFTER_S: Final = 120.0
"""Seconds that a swarm gets beyond its shape: to start, and for its users to finish."""

_LIMITS: Final[Mapping[str, Mapping[str, object]]] = {
    # The emulator pushes two messages at a time, however long its backlog is.
    "emulator": {"storm_rate": 50, "storm_messages": 5},
    "broker": {},
    "production": {},
}


class SwarmProcess:
    """Runs a swarm against a target; `rows` are Locust's statistics and `complaints` its warnings, once it has ended."""

    def __init__(self, options: LoadOptions, target: TargetAddress, folder: RunFolder) -> None:
        self._log = folder.root / "logs" / "locust.log"
        self._statistics = folder.root / "locust.json"
        self.environment = _environment(options, target, folder)
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
            *("--host", target.host, "--topic", target.topic, "--stop-timeout", str(_FINISHES_WITHIN_S)),
            *("--html", str(folder.locust), "--loglevel", "INFO"),
        ]
        self._within_s = _course(self.environment).seconds + _AFTER_S
        self.rows: Sequence[Mapping[str, Any]] = []
        self.complaints: list[str] = []

    def run(self, meanwhile: Callable[[], None]) -> None:
        """Run the swarm to its end; `meanwhile` is called twice a second and may raise. Raises UserError."""
        environment = {**os.environ, **self.environment}
        with self._log.open("wb") as log, self._statistics.open("wb") as statistics:
            with signals_deferred():
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
        self._read_output(code)

    def _read_output(self, code: int) -> None:
        """Read statistics and log. Exit code 1 means that a request failed, which the report shows."""
        lines = self._log.read_text(errors="replace").splitlines()
        try:
            self.rows = json.loads(self._statistics.read_text())
        except ValueError:
            raise UserError(
                f"The swarm ended with exit code {code} and no statistics.", hint="\n  ".join(lines[-8:])
            ) from None
        self.complaints = [line for line in lines if any(word in line for word in _COMPLAINTS)]


def _course(environment: Mapping[str, str]) -> StagePlan:
    """The stages of the swarm; raises UserError where a variable of its environment is invalid."""
    try:
        return course(wishes({**os.environ, **environment}))
    except ValueError as error:
        raise UserError(str(error), hint="load/swarm/settings.py lists the settings.") from None


_COMPLAINTS: Final = ("/WARNING/", "/ERROR/", "Warning:", "Traceback", "gevent")


def _wait(process: subprocess.Popen[bytes], meanwhile: Callable[[], None], *, within_s: float) -> int:
    until = time.monotonic() + within_s
    while True:
        try:
            return process.wait(_POLL_INTERVAL_S)
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


def _environment(options: LoadOptions, target: TargetAddress, folder: RunFolder) -> dict[str, str]:
    """The swarm's variables: options win over the environment's, and these over the limits of the target."""
    local = bool(target.worker)
    return {
        **told(**_LIMITS[options.target.value]),
        **{name: value for name, value in os.environ.items() if name.startswith(PREFIX)},
        **told(
            **options.swarm_settings,
            shape=options.shape,
            folder=folder.root.absolute(),
            birds=folder.birds.absolute(),
            results=(folder.root / "predictions").absolute() if local else None,
            rejects=(folder.root / "rejections").absolute() if local else None,
            cap=options.max_messages,
        ),
    }
