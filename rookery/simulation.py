"""Simulation: a field season of made-up devices, with drift and outliers where somebody wants them.

The birds are drawn species by species from the mean and spread of the training birds; the same seed gives the
same birds in the same order.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rookery.errors import Trouble
from schemas.reading import MEASUREMENTS, Reading
from schemas.testing import Birds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

OUTLIER: Final = (0.6, 1.6)
"""By how much one measurement of an outlier is wrong: possible values still, but of no such bird."""

_HOUR_S: Final = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """What is simulated. `rate` is readings a second over all devices; `count` None never ends.

    `drift` is percent an hour by measurement; `outliers` and `gaps` are shares of the readings.
    """

    devices: int = 10
    rate: float = 10.0
    count: int | None = None
    seed: int = 1
    outliers: float = 0.0
    gaps: float = 0.0
    drift: Mapping[str, float] = field(default_factory=dict)


def season(
    plan: Season,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Reading]:
    """Yield readings when they are due; the devices take turns."""
    chance = random.Random(plan.seed)  # noqa: S311  believable, not secret
    birds = Birds(plan.seed)
    began, number = clock(), 0
    while plan.count is None or number < plan.count:
        due_s = number / plan.rate
        if (early_s := due_s - (clock() - began)) > 0:
            wait(early_s)
        fields = birds.fields()
        for name, percent in plan.drift.items():
            fields[name] *= 1 + percent / 100 * due_s / _HOUR_S
        if chance.random() < plan.outliers:
            fields[chance.choice(MEASUREMENTS)] *= chance.choice(OUTLIER)
        if chance.random() < plan.gaps:
            fields[chance.choice((*MEASUREMENTS, "sex"))] = None
        device = f"device-{number % plan.devices + 1}"
        moment = now()
        name = f"{device}-{moment:%Y%m%dT%H%M%S%f}-{number // plan.devices}"
        yield Reading(**_rounded(fields), reading_id=name, device_id=device, observed_at=moment)
        number += 1


def _rounded(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: round(each, 1) if isinstance(each, float) else each for name, each in fields.items()}


def drifts(options: Sequence[str]) -> dict[str, float]:
    """Read `MEASUREMENT=PERCENT` options; raises Trouble."""
    read = {}
    for option in options:
        name, _, percent = option.partition("=")
        try:
            read[name] = float(percent)
        except ValueError:
            name = ""
        if name not in MEASUREMENTS:
            raise Trouble(
                f"--drift {option}: one of {', '.join(MEASUREMENTS)} and =PERCENT an hour are needed."
            )
    return read
