"""ColumnRules: a contract's rules on numbers, required features and groups, held against all cells of a table at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.contract.feature import LARGEST_INTEGER
from rookery.worker.decoding.column_reader import IrregularTableError
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.feature import Feature

_AT_ONCE: Final = 16_384
"""Cells of a part: its arrays stay in the processor's cache."""


class ColumnRules:
    """Checks cells (features, n) of float64 by a contract; immutable."""

    def __init__(self, contract: CompiledContract) -> None:
        """Prepare the rules that are of all columns together."""
        features = contract.contract.features
        bounds = np.array([_bounds(feature) for feature in features])
        self._least, self._most = bounds[:, 0], bounds[:, 1]
        self._required = [place for place, feature in enumerate(features) if feature.required]
        places = {name: place for place, name in enumerate(contract.names)}
        self._groups = [[places[name] for name in group] for group in contract.groups]

    def check(self, exact: NDArray[np.float64]) -> None:
        """Hold the cells of all features against bounds, required features and groups; raises IrregularTableError."""
        # Where nothing is missing, that is all; NaN is within no bound.
        if (np.minimum.reduce(exact, axis=1) >= self._least).all() and (
            np.maximum.reduce(exact, axis=1) <= self._most
        ).all():
            return
        # A column of nulls alone has neither least nor most: NaN is beyond no bound.
        if (np.fmin.reduce(exact, axis=1) < self._least).any() or (
            np.fmax.reduce(exact, axis=1) > self._most
        ).any():
            raise IrregularTableError
        if self._required and np.isnan(exact[self._required]).any():
            raise IrregularTableError
        for group in self._groups:
            if np.isnan(exact[group[0]]).any() and np.isnan(exact[group]).all(axis=0).any():
                raise IrregularTableError


def _bounds(feature: Feature) -> tuple[float, float]:
    if not feature.numeric:
        return -np.inf, np.inf
    least, most, whole = feature.range
    # From 2^53 on a float64 may not be the integer that was written.
    return (max(least, 1 - LARGEST_INTEGER), min(most, LARGEST_INTEGER - 1)) if whole else (least, most)


def matrix_of(exact: NDArray[np.float64]) -> NDArray[np.float32]:
    """Turn columns (features, n) into rows (n, features) of float32, a part after the other."""
    width, rows = exact.shape
    matrix = np.empty((rows, width), dtype=np.float32)
    step = max(1, _AT_ONCE // width)
    for begin in range(0, rows, step):
        part = slice(begin, begin + step)
        matrix[part] = exact[:, part].T
        step_aside()
    return matrix
