"""Simulation: a field season of simulated devices, with drift and outliers on demand.

Readings are drawn label by label from the normal distributions of the training measurements, which the model's card
holds; the same seed gives the same readings in the same order.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rookery.errors import UserError
from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rookery.schemas.artifact import ModelCard
    from rookery.schemas.contract.reading_classes import AnyReading

OUTLIER: Final = (0.6, 1.6)
"""By how much one measurement of an outlier is wrong: still within bounds, but out of distribution."""

_HOUR_S: Final = 3_600.0
_PRECISION: Final = 5
"""Significant digits of a measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """The parameters of a simulation. `rate` is readings a second over all devices; `count` None never ends.

    `drift` is percent an hour by measurement; `outliers` and `missing_rate` are shares of the readings.
    """

    devices: int = 10
    rate: float = 10.0
    count: int | None = None
    seed: int = 1
    outliers: float = 0.0
    missing_rate: float = 0.0
    drift: Mapping[str, float] = field(default_factory=dict)


class Colony:
    """Draws readings from the distribution that a model was trained on; `card` is the model's."""

    def __init__(self, card: ModelCard, seed: int) -> None:
        if card.report is None or card.outliers is None:
            raise UserError(
                "The model says nothing of the data that it was trained on.",
                hint="`rookery train` makes a model.",
            )
        self._chance = random.Random(seed)  # noqa: S311  believable, not secret
        self.contract = CompiledContract(card.contract)
        self.measured = card.outliers.features
        self._ranges = [card.contract.feature(name).range for name in self.measured]
        self._factory = ReadingFactory(seed, self.contract)
        self._labels, self._counts = zip(*card.report.label_counts.items(), strict=True)
        self._clusters = {
            label: (cluster.mean, _root(cluster.covariance))
            for label, cluster in zip(card.labels, card.outliers.clusters, strict=True)
        }

    def fields(self) -> dict[str, Any]:
        """One reading: labels as frequent as in the training data, measurements correlated as in it."""
        (label,) = self._chance.choices(self._labels, self._counts)
        mean, root = self._clusters[label]
        free = [self._chance.gauss(0, 1) for _ in self.measured]
        measured = (
            center + sum(weight * each for weight, each in zip(row, free, strict=True))
            for center, row in zip(mean, root, strict=True)
        )
        return {**self._factory.fields(label), **dict(zip(self.measured, measured, strict=True))}

    def reading(self, fields: Mapping[str, Any], **identity: Any) -> AnyReading:
        """Make a reading of drawn fields, each measurement within its bounds and as precise as instruments are."""
        bounded = dict(fields)
        for name, bounds in zip(self.measured, self._ranges, strict=True):
            if (value := bounded[name]) is not None:
                near = float(f"{min(max(value, bounds.least), bounds.most):.{_PRECISION}g}")
                bounded[name] = round(near) if bounds.whole else near
        if self.contract.lacking(bounded) is not None:
            bounded = dict(self._factory.fields())
        return self.contract.reading(**bounded, **identity)


def _root(covariance: Sequence[Sequence[float]]) -> list[list[float]]:
    """The lower triangular matrix whose square the covariance is (Cholesky)."""
    size = len(covariance)
    root = [[0.0] * size for _ in range(size)]
    for row in range(size):
        for column in range(row + 1):
            rest = covariance[row][column] - sum(
                left * right for left, right in zip(root[row], root[column], strict=True)
            )
            root[row][column] = math.sqrt(rest) if row == column else rest / root[column][column]
    return root


def season(
    plan: Season,
    colony: Colony,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[AnyReading]:
    """Yield readings when they are due; the devices take turns."""
    chance = random.Random(plan.seed)  # noqa: S311  believable, not secret
    optional = [name for name in colony.contract.names if name not in colony.contract.required]
    began, number = clock(), 0
    while plan.count is None or number < plan.count:
        due_s = number / plan.rate
        if (early_s := due_s - (clock() - began)) > 0:
            wait(early_s)
        fields = colony.fields()
        for name, percent in plan.drift.items():
            fields[name] *= 1 + percent / 100 * due_s / _HOUR_S
        if chance.random() < plan.outliers:
            fields[chance.choice(colony.measured)] *= chance.choice(OUTLIER)
        if chance.random() < plan.missing_rate:
            fields[chance.choice(optional)] = None
        device = f"device-{number % plan.devices + 1}"
        moment = now()
        name = f"{device}-{moment:%Y%m%dT%H%M%S%f}-{number // plan.devices}"
        yield colony.reading(fields, reading_id=name, device_id=device, observed_at=moment)
        number += 1


def drifts(options: Sequence[str], measured: Sequence[str]) -> dict[str, float]:
    """Read `MEASUREMENT=PERCENT` options of some measurements; raises UserError."""
    read = {}
    for option in options:
        name, _, percent = option.partition("=")
        try:
            read[name] = float(percent)
        except ValueError:
            name = ""
        if name not in measured:
            raise UserError(
                f"--drift {option}: one of {', '.join(measured)} and =PERCENT an hour are needed."
            )
    return read
