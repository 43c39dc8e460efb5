"""How each feature is distributed over the known readings, the reference that drift is measured against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.artifact import Distribution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEW: Final = 10
"""Up to so many different values each get a bin of their own; beyond, bins are tenths of the readings."""

_DIGITS: Final = 6


def distribution(matrix: NDArray[np.float32], names: Sequence[str]) -> dict[str, Distribution]:
    """Describe each feature of (readings, features) by bins."""
    return {name: _bins(matrix[:, column].astype(np.float64)) for column, name in enumerate(names)}


def _bins(column: NDArray[np.float64]) -> Distribution:
    known = column[~np.isnan(column)]
    edges = _edges(known)
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return Distribution(
        edges=tuple(edges.tolist()),
        shares=tuple(np.round(counts / max(len(known), 1), 5).tolist()),
        missing=round(1 - len(known) / len(column), 5),
    )


def _edges(known: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.unique(known)
    if len(values) <= FEW:
        return (values[1:] + values[:-1]) / 2
    # Digits, not decimals: a feature may be smaller than any number of these.
    quantiles = np.quantile(known, np.arange(1, FEW) / FEW)
    return np.unique([float(f"{each:.{_DIGITS}g}") for each in quantiles.tolist()])
