"""Fit the rule that flags readings as out of distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.artifact import Cluster, OutlierRule
from rookery.schemas.reading import MEASUREMENTS, SPECIES
from rookery.training.validation import folds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rookery.training.penguins import TrainingData
    from rookery.training.validation import ValidationPlan

FALSE_ALARMS: Final = 0.01
"""The share of real penguins that the rule may flag, for each pattern of present measurements."""

PATTERNS: Final = 2 ** len(MEASUREMENTS)
NOTHING_MEASURED: Final = -1.0
"""The limit of pattern 0: every distance is above it."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The rule, and the share of penguins flagged whose fold had no part in cluster or limit."""

    rule: OutlierRule
    false_alarms: float


def calibrate(penguins: TrainingData, plan: ValidationPlan, *, seed: int) -> Calibrated:
    """Fit a normal distribution for each species, and limits on held-out penguins.

    A limit is the conformal 99 % quantile, over all held-out penguins, of the squared Mahalanobis distance to the
    nearest species by the measurements of its pattern: one limit for each of the 15 patterns.
    """
    held_out = _held_out(penguins, plan, seed=seed)
    limits = (NOTHING_MEASURED, *(round(_limit(distance), 4) for distance in held_out[1:]))
    rule = OutlierRule(
        features=MEASUREMENTS,
        clusters=tuple(_clusters(penguins.matrix, penguins.species)),
        limits=limits,
        by="pattern",
    )
    return Calibrated(rule=rule, false_alarms=_false_alarms(held_out, penguins, plan, seed=seed))


def distances(
    measured: NDArray[np.float64], clusters: Sequence[Cluster], *, pattern: int
) -> NDArray[np.float64]:
    """Return each penguin's smallest squared distance to a cluster, by the pattern's measurements only.

    NaN where a penguin lacks one of them.
    """
    columns = [column for column in range(len(MEASUREMENTS)) if pattern >> column & 1]
    squared = []
    for cluster in clusters:
        apart = measured[:, columns] - np.array(cluster.mean)[columns]
        inverse = np.linalg.inv(np.array(cluster.covariance)[np.ix_(columns, columns)])
        squared.append(np.einsum("ni,ij,nj->n", apart, inverse, apart))
    nearest: NDArray[np.float64] = np.min(squared, axis=0)
    return nearest


def is_outlier(rows: NDArray[np.float32], rule: OutlierRule) -> NDArray[np.bool_]:
    """Apply the rule to rows (n, 7), plainly; the worker has the fast way, and golden rows compare the two."""
    measured = rows[:, : len(MEASUREMENTS)].astype(np.float64)
    patterns = (~np.isnan(measured)) @ (1 << np.arange(len(MEASUREMENTS)))
    return np.array(
        [
            pattern == 0
            or bool(distances(row[None], rule.clusters, pattern=pattern)[0] > rule.limits[pattern])
            for row, pattern in zip(measured, patterns.tolist(), strict=True)
        ]
    )


def _clusters(matrix: NDArray[np.float32], species: NDArray[np.intp]) -> list[Cluster]:
    measured = matrix[:, : len(MEASUREMENTS)].astype(np.float64)
    whole = ~np.isnan(measured).any(axis=1)
    return [_cluster(measured[whole & (species == code)]) for code in range(len(SPECIES))]


def _cluster(measured: NDArray[np.float64]) -> Cluster:
    covariance = np.cov(measured, rowvar=False)
    return Cluster(
        mean=tuple(np.round(measured.mean(axis=0), 6).tolist()),
        covariance=tuple(tuple(row) for row in np.round(covariance, 6).tolist()),
    )


def _held_out(penguins: TrainingData, plan: ValidationPlan, *, seed: int) -> NDArray[np.float64]:
    """Return out-of-fold distances by every pattern, (patterns, repeats, penguins)."""
    measured = penguins.matrix[:, : len(MEASUREMENTS)].astype(np.float64)
    found = np.full((PATTERNS, plan.repeats, len(penguins)), np.nan)
    for fold in folds(penguins, plan, seed=seed):
        clusters = _clusters(penguins.matrix[fold.train], penguins.species[fold.train])
        for pattern in range(1, PATTERNS):
            found[pattern, fold.repeat, fold.held_out] = distances(
                measured[fold.held_out], clusters, pattern=pattern
            )
    return found


def _limit(held_out: NDArray[np.float64]) -> float:
    """Return the distance that a new penguin exceeds with a chance of FALSE_ALARMS at most, of (repeats, penguins).

    The rank allows for the new penguin itself (split conformal prediction): with n penguins, ceil((n + 1) 99 %).
    """
    penguins = held_out.shape[-1]
    rank = math.ceil((penguins + 1) * (1 - FALSE_ALARMS)) / penguins
    return float(np.nanquantile(held_out, min(rank, 1.0), method="higher"))


def _false_alarms(
    held_out: NDArray[np.float64], penguins: TrainingData, plan: ValidationPlan, *, seed: int
) -> float:
    """Test each fold against the limit that the other folds of its repeat set, all measurements present."""
    whole = held_out[PATTERNS - 1]
    flagged = 0
    for fold in folds(penguins, plan, seed=seed):
        limit = _limit(whole[fold.repeat, None, fold.train])
        flagged += int((whole[fold.repeat, fold.held_out] > limit).sum())
    return round(flagged / (plan.repeats * len(penguins)), 4)
