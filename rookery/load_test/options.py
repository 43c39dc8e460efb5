"""LoadOptions: what a load run is asked to do, and what it is refused for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rookery.errors import UserError
from rookery.publisher.errors import BadTopicError
from rookery.publisher.topics import topic_path

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTS: Final = Path("load/reports")
_GOOGLE: Final = "https://pubsub.googleapis.com"


class LoadTarget(StrEnum):
    """What is loaded."""

    BROKER = "broker"
    EMULATOR = "emulator"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTarget:
    """A deployment that is there: topic, and the buckets that its worker writes to."""

    project: str | None = None
    topic: str = "readings"
    results: str | None = None
    rejects: str | None = None
    host: str = _GOOGLE


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """One run. `wishes` are the swarm's (load/swarm/settings.py); `drop_one_in` makes the worker lose readings on purpose."""

    shape: str
    target: LoadTarget = LoadTarget.BROKER
    folder: Path | None = None
    cap: int | None = None
    remote: RemoteTarget = field(default_factory=RemoteTarget)
    drop_one_in: int | None = None
    settles_within_s: float = 600.0
    stalls_after_s: float = 45.0
    """How long the account may stay open without anything new becoming durable."""
    late_after_s: float = 60.0
    wishes: Mapping[str, object] = field(default_factory=dict)

    def place(self) -> Path:
        """The run's folder: a date, the shape and the target."""
        now = datetime.now().astimezone()
        return self.folder or REPORTS / f"{now:%Y%m%d-%H%M%S}-{self.shape}-{self.target.value}"


def checked(order: LoadOptions) -> LoadOptions:
    """Give the order back; raises UserError with everything that a run against production lacks."""
    if order.target is not LoadTarget.PRODUCTION:
        return order
    needed = {
        "--project": order.remote.project,
        "--cap": order.cap,
        "--results": order.remote.results,
        "--rejects": order.remote.rejects,
    }
    if missing := [name for name, value in needed.items() if not value]:
        raise UserError(
            f"A run against production costs money and needs {', '.join(missing)}.",
            hint="docs/production-load.md says what each is for, and how to limit what is spent.",
        )
    if order.drop_one_in:
        raise UserError("Only a worker that this run starts can be made to drop readings.")
    try:
        topic_path(order.remote.topic, order.remote.project)
    except BadTopicError as error:
        raise UserError(str(error)) from None
    return order
