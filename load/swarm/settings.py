"""SwarmSettings: the environment variables of a swarm, each named `ROOKERY_LOAD_<NAME>`."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery.load.renamed import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "ROOKERY_LOAD_"
KINDS: Final = ("FieldDevice", "BulkUploader", "MalformedDevice", "OpenLoop", "PredictUser")


class SwarmSettingsError(ValueError):
    """A variable cannot be understood; names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmSettings:
    """The swarm's parameters, with their defaults."""

    users: str = "FieldDevice,BulkUploader,MalformedDevice"
    """Kinds of users, with commas; `OpenLoop` and `PredictUser` must be named."""
    predict_url: str = ""
    """A worker's address, `http://HOST:PORT`, which each PredictUser asks."""
    shape: str = ""
    """`baseline`, `normal`, `stress`, `spike` or `soak`; none: Locust's own --users and --run-time."""
    seconds: float = 0.0
    """How long the shape lasts, where not its own default."""
    max_users: int = 0
    """Most users of the shape, where not its own default."""
    transport: str = "rest"
    """`rest`, or `grpc` (this machine only)."""
    folder: Path | None = None
    """Folder of the published log and the per-second statistics; none: neither is written."""
    results: Path | None = None
    """The worker's folder of predictions, to time what becomes durable."""
    rejects: Path | None = None
    """The worker's folder of rejections."""
    readings: Path | None = None
    """A file of readings with expected answers; none: seeded readings without."""
    max_messages: int = 0
    """Messages after which the swarm stops; 0: no limit."""
    open_loop_rate: float = 200.0
    """Messages a second of each OpenLoop."""
    open_loop_messages: int = 10
    """Messages in each of its requests."""
    table_rows: int = 500
    """Rows of a BulkUploader's tables, at most 1,000."""
    malformed_share: float = 0.2
    """Share of a MalformedDevice's readings that are malformed and must be rejected."""
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    """Prefix of every reading id of this run."""


def swarm_settings(environ: Mapping[str, str] = os.environ) -> SwarmSettings:
    """Read the environment; raises SwarmSettingsError with every variable that cannot be understood.

    Former names of variables are still read, and named as they were written where they cannot be.
    """
    former = {today: name for name, today in SETTINGS.items() if name in environ and today not in environ}
    given: dict[str, Any] = {}
    wrong = []
    for each in fields(SwarmSettings):
        today = f"{PREFIX}{each.name.upper()}"
        name = former.get(today, today)
        if written := environ.get(name):
            try:
                given[each.name] = _READ.get(str(each.type), str)(written)
            except ValueError:
                wrong.append(f"{name}={written}: a number of 0 or more is needed")
    read = SwarmSettings(**given)
    if unknown := [each for each in kinds(read) if each not in KINDS]:
        wrong.append(f"{PREFIX}USERS: {', '.join(unknown)} is none of {', '.join(KINDS)}")
    if "PredictUser" in kinds(read) and not read.predict_url:
        wrong.append(f"{PREFIX}PREDICT_URL: PredictUser needs a worker's address, as http://127.0.0.1:8080")
    if read.predict_url and not re.fullmatch(r"http://[^/]+/?", read.predict_url):
        wrong.append(f"{PREFIX}PREDICT_URL={read.predict_url}: http://HOST:PORT is needed")
    if read.transport not in {"rest", "grpc"}:
        wrong.append(f"{PREFIX}TRANSPORT={read.transport}: rest or grpc is needed")
    if wrong:
        raise SwarmSettingsError("; ".join(wrong))
    return read


def kinds(read: SwarmSettings) -> list[str]:
    """The kinds of users by name."""
    return [each.strip() for each in read.users.split(",") if each.strip()]


def variables(**wanted: object) -> dict[str, str]:
    """Write settings as variables, for another process."""
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in wanted.items() if value is not None}


def _positive(written: str) -> float:
    value = float(written)
    if not 0 <= value < float("inf"):
        raise ValueError(written)
    return value


def _count(written: str) -> int:
    value = int(written)
    if value < 0:
        raise ValueError(written)
    return value


_READ: Final[Mapping[str, Any]] = {"float": _positive, "int": _count, "Path | None": Path}
