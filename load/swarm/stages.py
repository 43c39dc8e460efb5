"""Stage plans: how many users there are at which moment, by the name of a shape. Pure: Locust is not needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rookery.load.swarm.settings import SwarmSettings

DEVICES: Final = ("FieldDevice", "MalformedDevice", "BulkUploader")
ALL_USERS: Final = (*DEVICES, "OpenLoop")


@dataclass(frozen=True, slots=True)
class Stage:
    """Until `until_s`, `users` of some kinds; so many of them come or go a second."""

    until_s: float
    users: int
    spawn_rate: float
    kinds: Sequence[str]


@dataclass(frozen=True, slots=True)
class StagePlan:
    """The stages of one shape; a `breakable` one ends as soon as latency exceeds BROKEN_MS."""

    stages: Sequence[Stage]
    breakable: bool = False

    @property
    def seconds(self) -> float:
        """Its longest duration."""
        return self.stages[-1].until_s

    def at(self, seconds: float) -> Stage | None:
        """The stage at a moment; None after the last."""
        return next((stage for stage in self.stages if seconds < stage.until_s), None)


def baseline(seconds: float, max_users: int) -> StagePlan:
    """One device alone: latency without contention."""
    return StagePlan([Stage(seconds, max_users, 1, ["FieldDevice"])])


def normal(seconds: float, max_users: int) -> StagePlan:
    """Ten users, two more a second: the size that the original service was tested at."""
    return StagePlan([Stage(seconds, max_users, 2, DEVICES)])


def stress(seconds: float, max_users: int) -> StagePlan:
    """One open-loop sender more in each stage, until readings take longer than a second."""
    each = seconds / max_users
    return StagePlan(
        [Stage(each * nth, nth, 1, ["OpenLoop"]) for nth in range(1, max_users + 1)], breakable=True
    )


def spike(seconds: float, max_users: int) -> StagePlan:
    """A quarter of light load, a quarter of burst, and half the time to recover."""
    calm = max(1, max_users // 4)
    return StagePlan(
        [
            Stage(seconds * 0.25, calm, calm, DEVICES),
            Stage(seconds * 0.5, max_users, max_users, ALL_USERS),
            Stage(seconds, calm, max_users, DEVICES),
        ]
    )


def soak(seconds: float, max_users: int) -> StagePlan:
    """A steady load for long, which shows what grows."""
    return StagePlan([Stage(seconds, max_users, 5, DEVICES)])


@dataclass(frozen=True, slots=True)
class _Named:
    plan: Callable[[float, int], StagePlan]
    seconds: float
    max_users: int


SHAPES: Final[Mapping[str, _Named]] = {
    "baseline": _Named(baseline, 30, 1),
    "normal": _Named(normal, 60, 10),
    "stress": _Named(stress, 120, 40),
    "spike": _Named(spike, 60, 40),
    "soak": _Named(soak, 600, 40),
}


def stage_plan(settings: SwarmSettings) -> StagePlan:
    """The stage plan of the settings; raises ValueError for an unknown shape."""
    if settings.shape not in SHAPES:
        message = f"{settings.shape} is no shape: {', '.join(SHAPES)} are"
        raise ValueError(message)
    named = SHAPES[settings.shape]
    return named.plan(settings.seconds or named.seconds, settings.max_users or named.max_users)
