"""Golden readings: questions whose answers travel with the model, so that every loaded copy can be checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import xgboost

from rookery.schemas.artifact import Golden, OutlierRule
from rookery.training.outliers import is_outlier

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUT_OF_DISTRIBUTION: Final = (
    (18.7, 39.1, 181.0, 3750.0, 2007.0, 1.0, 2.0),
    (70.0, 25.0, 330.0, 30000.0, math.nan, math.nan, math.nan),
    (14.0, math.nan, math.nan, 900.0, 2009.0, 0.0, 1.0),
)
"""Readings far from the training data: bill length and depth swapped, an emperor penguin, a chick."""


def golden(booster: xgboost.Booster, training_set: NDArray[np.float32], rule: OutlierRule) -> Golden:
    """Ask about a few rows of the training_set that reach every leaf of every tree, and about readings that are out of distribution.

    The training_set's rows (n, 7) are penguins and their masked copies, so that missing values are asked about too.
    """
    rows = np.vstack(
        [
            training_set[_covering(_leaves(booster, training_set))],
            np.array(OUT_OF_DISTRIBUTION, dtype=np.float32),
        ]
    )
    return Golden(
        rows=tuple(tuple(None if math.isnan(cell) else cell for cell in row) for row in rows.tolist()),
        margins=_tuples(booster.inplace_predict(rows, predict_type="margin")),
        probabilities=_tuples(booster.inplace_predict(rows)),
        out_of_distribution=tuple(is_outlier(rows, rule).tolist()),
    )


def _leaves(booster: xgboost.Booster, rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which leaf of the whole booster each row reaches, (rows, leaves)."""
    data = xgboost.DMatrix(rows, feature_names=booster.feature_names, nthread=1)
    by_tree = booster.predict(data, pred_leaf=True).reshape(len(rows), -1)
    return np.hstack([tree[:, None] == np.unique(tree) for tree in by_tree.T])


def _covering(reached: NDArray[np.bool_]) -> list[int]:
    """Choose rows, the one that reaches most leaves anew first, until every leaf is reached."""
    chosen: list[int] = []
    waiting = reached.any(axis=0)
    while waiting.any():
        chosen.append(int(reached[:, waiting].sum(axis=1).argmax()))
        waiting &= ~reached[chosen[-1]]
    return chosen


def _tuples(answers: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in answers.tolist())
