"""Golden readings: questions whose answers travel with the model, so that every loaded copy can be checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.schemas.artifact import Golden
from rookery.training.leaves import covering, leaves
from rookery.training.outliers.distances import CLOSE, excess

if TYPE_CHECKING:
    import xgboost
    from numpy.typing import NDArray

    from rookery.schemas.artifact import OutlierRule
    from rookery.schemas.contract.contract import Contract

MOST_KNOWN: Final = 50_000
"""Rows of which golden ones are chosen, for memory."""

WIDTHS: Final = 10.0
"""How far beyond the known values an unbounded measurement is out of distribution, in their widths."""


def golden(
    booster: xgboost.Booster, known: NDArray[np.float32], rule: OutlierRule | None, contract: Contract
) -> Golden:
    """Ask about a few of the known rows that reach every leaf of every tree, and about rows that are out of distribution.

    The known rows (n, features) are readings and their masked copies, so that missing values are asked about too.
    """
    asked = known[:MOST_KNOWN]
    reached = leaves(booster, asked)
    left = np.arange(len(asked))
    while True:
        chosen = left[covering(reached[left])]
        # One on the limit itself may be on either side of it in single precision.
        close = _on_the_limit(asked[chosen], rule, contract)
        if not close.any():
            break
        left = np.setdiff1d(left, chosen[close])
    rows = np.vstack([asked[chosen], out_of_distribution(known, contract)])
    return answered(booster, rows, rule, contract)


def _on_the_limit(
    rows: NDArray[np.float32], rule: OutlierRule | None, contract: Contract
) -> NDArray[np.bool_]:
    if rule is None:
        return np.zeros(len(rows), dtype=np.bool_)
    return np.abs(excess(rows, rule, contract) - 1) <= CLOSE


def answered(
    booster: xgboost.Booster, rows: NDArray[np.float32], rule: OutlierRule | None, contract: Contract
) -> Golden:
    """The rows with the booster's answers and those of the rule."""
    far = () if rule is None else tuple((excess(rows, rule, contract) > 1).tolist())
    return Golden(
        rows=tuple(tuple(None if math.isnan(cell) else cell for cell in row) for row in rows.tolist()),
        margins=_tuples(booster.inplace_predict(rows, predict_type="margin")),
        probabilities=_tuples(both(booster.inplace_predict(rows))),
        out_of_distribution=far,
    )


def both(answers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (n, labels) of a booster's answers: the second label's alone where there are two."""
    return answers if answers.ndim > 1 else np.stack([1 - answers, answers], axis=1)


def out_of_distribution(known: NDArray[np.float32], contract: Contract) -> NDArray[np.float32]:
    """Rows that are far from the known ones: all measurements at their most, all at their least, and one of each turn.

    At their bounds, or ten widths beyond what is known where there is none; nothing else is present in the first two.
    """
    names = [each.name for each in contract.measurements]
    places = [contract.names.index(name) for name in names]
    if not places:
        return np.empty((0, known.shape[1]), dtype=np.float32)
    rows = np.full((3, known.shape[1]), np.nan, dtype=np.float32)
    extremes = np.array([_extremes(known[:, place], contract.features[place]) for place in places])
    rows[0, places], rows[1, places] = extremes[:, 1], extremes[:, 0]
    rows[2, places] = np.where(np.arange(len(places)) % 2, extremes[:, 0], extremes[:, 1])
    return rows


def _extremes(column: NDArray[np.float32], feature: Any) -> tuple[float, float]:
    values = column[~np.isnan(column)].astype(np.float64)
    least, most = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    width = WIDTHS * (most - least or 1.0)
    low = least - width if feature.least is None else feature.least
    high = most + width if feature.most is None else feature.most
    return low, high


def _tuples(answers: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in answers.reshape(len(answers), -1).tolist())
