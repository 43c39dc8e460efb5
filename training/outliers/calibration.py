"""Calibration: the rule that flags readings as out of distribution, its limits set on held-out readings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.artifact import OutlierRule
from rookery.training.outliers.clusters import clusters, varying
from rookery.training.outliers.distances import arrays_of, distances
from rookery.training.tables.data import columns_of
from rookery.training.validation import folds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rookery.training.tables.data import TrainingData
    from rookery.training.validation import ValidationPlan

    Patterns = dict[int, list[tuple[int, ...]]]

FALSE_ALARMS: Final = 0.01
"""The share of known readings that the rule may flag, for each number of present measurements."""

MOST_FEATURES: Final = 32
MOST_CELLS: Final = 100_000
"""Measurements of a rule, and numbers of all its covariances: a model of 300 features or 1,000 labels stays small."""

MOST_ROWS: Final = 2_000
"""Readings that the limits are set on, drawn where there are more."""

MOST_PATTERNS: Final = 16
"""Patterns of one number of present measurements that are tried, drawn at random where there are more."""

ALL_COUNTS: Final = 8
COUNTS: Final = 12
"""Up to ALL_COUNTS measurements each number of present ones has its own limit; beyond, so many have, and those between are interpolated."""

NOTHING_MEASURED: Final = -1.0
"""The limit of a reading without measurements: every distance is above it."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The rule, and the share of readings flagged whose fold had no part in cluster or limit."""

    rule: OutlierRule
    false_alarms: float


def calibrate(
    data: TrainingData, plan: ValidationPlan, *, most_used: Sequence[str] = (), seed: int
) -> Calibrated | None:
    """Fit a normal distribution for each label, and limits on held-out readings; None where nothing is measured, or known.

    A limit is the conformal 99 % quantile, over held-out readings and the patterns of equally many measurements, of the squared
    Mahalanobis distance to the nearest label. Of many measurements the rule takes those of `most_used` that come first.
    """
    chance = np.random.default_rng(seed)
    names = _features(data, most_used)
    few = _fewer(data, chance)
    if not names or np.bincount(few.labels).max() < plan.folds:
        return None
    measured = columns_of(few.contract, few.matrix, names)
    patterns = _patterns(~np.isnan(measured), chance)
    if len(names) > ALL_COUNTS:
        plan = replace(plan, repeats=1)
    held_out = _held_out(few, measured, patterns, plan, seed=seed)
    rule = OutlierRule(
        features=names,
        clusters=clusters(columns_of(data.contract, data.matrix, names), data.labels),
        limits=(NOTHING_MEASURED, *_limits(held_out, len(names))),
    )
    return Calibrated(rule, _false_alarms(held_out, few, plan, seed=seed))


def _features(data: TrainingData, most_used: Sequence[str]) -> tuple[str, ...]:
    """The measurements of the rule, in the contract's order."""
    names = [each.name for each in data.contract.measurements]
    if not names:
        return ()
    names = [name for name, varies in zip(names, varying(data.measured), strict=True) if varies]
    most = min(MOST_FEATURES, math.isqrt(MOST_CELLS // len(data.contract.labels)))
    used = [name for name in most_used if name in names]
    first = set([*used, *(name for name in names if name not in used)][:most])
    return tuple(name for name in names if name in first)


def _fewer(data: TrainingData, chance: np.random.Generator) -> TrainingData:
    if len(data) <= MOST_ROWS:
        return data
    return data.part(np.sort(chance.choice(len(data), MOST_ROWS, replace=False)))


def _patterns(present: NDArray[np.bool_], chance: np.random.Generator) -> Patterns:
    """Choose which measurements are present, for each number of them; none that no reading has together are drawn."""
    width = present.shape[1]
    found: Patterns = {}
    for count in _counts(width):
        if math.comb(width, count) <= MOST_PATTERNS:
            found[count] = list(combinations(range(width), count))
            continue
        rows = np.flatnonzero(present.sum(axis=1) >= count)
        drawn = {
            tuple(np.sort(chance.choice(np.flatnonzero(present[row]), count, replace=False)).tolist())
            for row in (chance.choice(rows, MOST_PATTERNS) if len(rows) else ())
        }
        found[count] = sorted(drawn)
    return found


def _counts(width: int) -> list[int]:
    if width <= ALL_COUNTS:
        return [*range(1, width + 1)]
    return sorted({*np.round(np.geomspace(1, width, COUNTS)).astype(int).tolist()})


def _held_out(
    data: TrainingData, measured: NDArray[np.float64], patterns: Patterns, plan: ValidationPlan, *, seed: int
) -> dict[int, NDArray[np.float64]]:
    """Return out-of-fold distances for each number of present measurements, (patterns, repeats, readings)."""
    found = {count: np.full((len(each), plan.repeats, len(data)), np.nan) for count, each in patterns.items()}
    for fold in folds(data, plan, seed=seed):
        part = measured[fold.train]
        varies = varying(part)
        if not varies.all():
            continue
        known = arrays_of(clusters(part, data.labels[fold.train]))
        for count, each in patterns.items():
            for nth, columns in enumerate(each):
                found[count][nth, fold.repeat, fold.held_out] = distances(
                    measured[fold.held_out], known, columns
                )
    return found


def _limits(held_out: dict[int, NDArray[np.float64]], width: int) -> list[float]:
    """The limit of each number of present measurements; those that were not tried lie on a line between their neighbours."""
    tried = {
        count: _limit(found.reshape(-1, found.shape[-1]))
        for count, found in held_out.items()
        if not np.isnan(found).all()
    }
    counts = np.arange(1, width + 1)
    if not tried:
        # No reading has anything held out: no distance is too large.
        return [float(np.finfo(np.float32).max)] * width
    between = np.interp(counts, [*tried], [*tried.values()])
    largest = max(tried)
    beyond = np.where(counts > largest, counts / largest, 1.0)
    return [float(f"{each:.6g}") for each in (between * beyond).tolist()]


def _limit(held_out: NDArray[np.float64]) -> float:
    """Return the distance that a new reading exceeds with a chance of FALSE_ALARMS at most, of (patterns and repeats, readings).

    The rank allows for the new reading itself (split conformal prediction): with n readings, ceil((n + 1) 99 %).
    """
    readings = max((~np.isnan(held_out)).sum() / len(held_out), 1)
    rank = math.ceil((readings + 1) * (1 - FALSE_ALARMS)) / readings
    return float(np.nanquantile(held_out, min(rank, 1.0), method="higher"))


def _false_alarms(
    held_out: dict[int, NDArray[np.float64]], data: TrainingData, plan: ValidationPlan, *, seed: int
) -> float:
    """Test each fold against the limit that the other folds of its repeat set, all measurements present."""
    most = held_out[max(held_out)]
    whole = most[0] if len(most) else np.full((plan.repeats, len(data)), np.nan)
    flagged = 0
    for fold in folds(data, plan, seed=seed):
        others = whole[fold.repeat, None, fold.train]
        if not np.isnan(others).all():
            flagged += int((whole[fold.repeat, fold.held_out] > _limit(others)).sum())
    return round(flagged / (plan.repeats * len(data)), 4)
