"""Leaves: few rows that reach every leaf of a booster that many rows reach."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np
import xgboost

if TYPE_CHECKING:
    from numpy.typing import NDArray


def leaf_nodes(booster: xgboost.Booster, rows: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the node that each row ends in, in each tree, (rows, trees)."""
    # Without names, among which a matrix would refuse those with brackets.
    data = xgboost.DMatrix(rows, feature_types=booster.feature_types, nthread=1)
    found = booster.predict(data, pred_leaf=True, validate_features=False)
    return found.reshape(len(rows), -1).astype(np.int32)


def leaves(booster: xgboost.Booster, rows: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the number of the leaf that each row reaches in each tree, (rows, trees), counted over the whole booster."""
    numbered = leaf_nodes(booster, rows)
    first = 0
    for tree in range(numbered.shape[1]):
        own, places = np.unique(numbered[:, tree], return_inverse=True)
        numbered[:, tree] = places + first
        first += len(own)
    return numbered


def covering(reached: NDArray[np.int32]) -> list[int]:
    """Choose rows of `leaves`, the one that reaches most leaves anew first, until every leaf is reached."""
    chosen: list[int] = []
    waiting = np.zeros(reached.max(initial=0) + 1, dtype=np.bool_)
    waiting[reached] = True
    # A row never reaches more anew than it did before: only the first of the queue has to be counted again.
    queue = [(-reached.shape[1], row) for row in range(len(reached))]
    while waiting.any():
        _, row = heapq.heappop(queue)
        anew = int(waiting[reached[row]].sum())
        if queue and (-anew, row) > queue[0]:
            heapq.heappush(queue, (-anew, row))
            continue
        chosen.append(row)
        waiting[reached[row]] = False
    return chosen
