"""Courses: how many users there are at which moment, by the name of a shape. Pure: Locust is not needed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rookery.load.swarm.settings import SwarmSettings

DEVICES: Final = ("FieldDevice", "MalformedDevice", "BulkUploader")
STORMS: Final = (*DEVICES, "OpenLoop")


@dataclass(frozen=True, slots=True)
class Stage:
    """Until `until_s`, `users` of some kinds; so many of them come or go a second."""

    until_s: float
    users: int
    spawn_rate: float
    kinds: Sequence[str]


@dataclass(frozen=True, slots=True)
class StagePlan:
    """The steps of one shape; `breakable` ends at BROKEN_MS, wherever it stands."""

    steps: Sequence[Stage]
    breakable: bool = False

    @property
    def seconds(self) -> float:
        """How long it lasts at the most."""
        return self.steps[-1].until_s

    def at(self, seconds: float) -> Stage | None:
        """The step at a moment; None: it is over."""
        return next((step for step in self.steps if seconds < step.until_s), None)


def baseline(seconds: float, peak: int) -> StagePlan:
    """One device alone: what everything costs when nothing is in the way."""
    return StagePlan([Stage(seconds, peak, 1, ["FieldDevice"])])


def normal(seconds: float, peak: int) -> StagePlan:
    """Ten users, two more a second: the size that the original service was tested at."""
    return StagePlan([Stage(seconds, peak, 2, DEVICES)])


def stress(seconds: float, peak: int) -> StagePlan:
    """One storm more each step, until readings take longer than a second."""
    each = seconds / peak
    return StagePlan([Stage(each * nth, nth, 1, ["OpenLoop"]) for nth in range(1, peak + 1)], breakable=True)


def spike(seconds: float, peak: int) -> StagePlan:
    """A quiet quarter, a quarter of storm out of nothing, and half the time to recover."""
    calm = max(1, peak // 4)
    return StagePlan(
        [
            Stage(seconds * 0.25, calm, calm, DEVICES),
            Stage(seconds * 0.5, peak, peak, STORMS),
            Stage(seconds, calm, peak, DEVICES),
        ]
    )


def soak(seconds: float, peak: int) -> StagePlan:
    """A steady load for long: does anything grow that should not?"""
    return StagePlan([Stage(seconds, peak, 5, DEVICES)])


@dataclass(frozen=True, slots=True)
class _Named:
    course: Callable[[float, int], StagePlan]
    seconds: float
    peak: int


SHAPES: Final[Mapping[str, _Named]] = {
    "baseline": _Named(baseline, 30, 1),
    "normal": _Named(normal, 60, 10),
    "stress": _Named(stress, 120, 40),
    "spike": _Named(spike, 60, 40),
    "soak": _Named(soak, 600, 40),
}


def course(wishes: SwarmSettings) -> StagePlan:
    """The course that somebody wishes; raises ValueError for a name that there is none of."""
    if wishes.shape not in SHAPES:
        message = f"{wishes.shape} is no shape: {', '.join(SHAPES)} are"
        raise ValueError(message)
    named = SHAPES[wishes.shape]
    return named.course(wishes.seconds or named.seconds, wishes.peak or named.peak)
