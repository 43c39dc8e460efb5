"""LoadOptions: the options of a load run, and their checks against a target in production."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rookery.errors import UserError
from rookery.load.simulation.monthly import CloudDeployment
from rookery.publisher.errors import BadTopicError
from rookery.publisher.topics import topic_path

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTS: Final = Path("load/reports")
_GOOGLE: Final = "https://pubsub.googleapis.com"


class LoadTarget(StrEnum):
    """The system under load."""

    BROKER = "broker"
    EMULATOR = "emulator"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTarget:
    """An existing deployment: its topic, and the buckets that its worker writes to."""

    project: str | None = None
    topic: str = "readings"
    results: str | None = None
    rejects: str | None = None
    host: str = _GOOGLE
    deployment: CloudDeployment = field(default_factory=CloudDeployment)
    """Its billing, region and bounds, by which the run is priced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """One run. `swarm_settings` override load/swarm/settings.py; with `fault_drop` N the worker loses one line in N."""

    shape: str
    target: LoadTarget = LoadTarget.BROKER
    folder: Path | None = None
    max_messages: int | None = None
    remote: RemoteTarget = field(default_factory=RemoteTarget)
    fault_drop: int | None = None
    settles_within_s: float = 600.0
    stalls_after_s: float = 45.0
    """Seconds without a new durable result after which the run stops waiting for the missing readings."""
    late_after_s: float = 60.0
    swarm_settings: Mapping[str, object] = field(default_factory=dict)

    def output_folder(self) -> Path:
        """The run's folder: a date, the shape and the target."""
        now = datetime.now().astimezone()
        return self.folder or REPORTS / f"{now:%Y%m%d-%H%M%S}-{self.shape}-{self.target.value}"


def checked(options: LoadOptions) -> LoadOptions:
    """Return the options; raises UserError with every option that a run against production lacks."""
    if options.target is not LoadTarget.PRODUCTION:
        return options
    needed = {
        "--project": options.remote.project,
        "--max-messages": options.max_messages,
        "--results": options.remote.results,
        "--rejects": options.remote.rejects,
    }
    if missing := [name for name, value in needed.items() if not value]:
        raise UserError(
            f"A run against production costs money and needs {', '.join(missing)}.",
            hint="docs/production-load.md explains each option, and how to limit the cost.",
        )
    if options.fault_drop:
        raise UserError("Only a worker that this run starts can be made to drop readings.")
    try:
        topic_path(options.remote.topic, options.remote.project)
    except BadTopicError as error:
        raise UserError(str(error)) from None
    return options
