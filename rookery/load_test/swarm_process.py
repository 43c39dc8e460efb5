"""SwarmProcess: one Locust process, configured by its environment, awaited, and read for warnings."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery import load
from rookery.environment.process import EnvironmentProcess
from rookery.errors import UserError
from rookery.load.child_process import module_command
from rookery.load.swarm.settings import PREFIX, swarm_settings, variables
from rookery.load.swarm.stages import stage_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rookery.load.report.run_folder import RunFolder
    from rookery.load.swarm.stages import StagePlan
    from rookery.load_test.options import LoadOptions
    from rookery.load_test.target import TargetAddress

_LOCUSTFILE: Final = Path(load.__path__[0]) / "locustfile.py"
_FINISHES_WITHIN_S: Final = 30
_AFTER_S: Final = 120.0
"""Seconds that a swarm gets beyond its shape: to start, and for its users to finish."""

_LIMITS: Final[Mapping[str, Mapping[str, object]]] = {
    # The emulator pushes two messages at a time, however long its backlog is.
    "emulator": {"open_loop_rate": 50, "open_loop_messages": 5},
    "broker": {},
    "production": {},
}


class _LocustProcess(EnvironmentProcess):
    ends_within_s = 60.0


class SwarmProcess:
    """Runs a swarm against a target; `rows` are Locust's statistics and `complaints` its warnings, once it has ended."""

    def __init__(self, options: LoadOptions, target: TargetAddress, folder: RunFolder) -> None:
        self._statistics = folder.root / "locust.json"
        self.environment = _environment(options, target, folder)
        command = [
            *module_command("locust", "-f", str(_LOCUSTFILE), "--headless", "--only-summary", "--json"),
            *("--host", target.host, "--topic", target.topic, "--stop-timeout", str(_FINISHES_WITHIN_S)),
            *("--html", str(folder.locust), "--loglevel", "INFO"),
        ]
        self._process = _LocustProcess(
            "locust",
            command,
            folder=folder.root / "logs",
            environment=self.environment,
            output=self._statistics,
        )
        self._within_s = _course(self.environment).seconds + _AFTER_S
        self.rows: Sequence[Mapping[str, Any]] = []
        self.complaints: list[str] = []

    def run(self, meanwhile: Callable[[], None]) -> None:
        """Run the swarm to its end; `meanwhile` is called twice a second and may raise. Raises UserError."""
        with self._process:
            code = self._process.wait(within_s=self._within_s, meanwhile=meanwhile)
        self._read_output(code)

    def _read_output(self, code: int) -> None:
        """Read statistics and log. Exit code 1 means that a request failed, which the report shows."""
        lines = self._process.log.read_text(errors="replace").splitlines()
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
        return stage_plan(swarm_settings({**os.environ, **environment}))
    except ValueError as error:
        raise UserError(str(error), hint="load/swarm/settings.py lists the settings.") from None


_COMPLAINTS: Final = ("/WARNING/", "/ERROR/", "Warning:", "Traceback", "gevent")


def _environment(options: LoadOptions, target: TargetAddress, folder: RunFolder) -> dict[str, str]:
    """The swarm's variables: options win over the environment's, and these over the limits of the target."""
    local = bool(target.worker)
    return {
        **variables(**_LIMITS[options.target.value]),
        **{name: value for name, value in os.environ.items() if name.startswith(PREFIX)},
        **variables(
            **options.swarm_settings,
            shape=options.shape,
            folder=folder.root.absolute(),
            readings=folder.readings.absolute(),
            results=(folder.root / "predictions").absolute() if local else None,
            rejects=(folder.root / "rejections").absolute() if local else None,
            max_messages=options.max_messages,
        ),
    }
