"""The booster's fixed parameters, and one deterministic fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import xgboost

from rookery.schemas.features import FEATURES
from rookery.schemas.reading import SPECIES
from rookery.training.masking import with_masked_copies

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARAMETERS: Final[dict[str, int | float | str]] = {
    "objective": "multi:softprob",
    "num_class": len(SPECIES),
    "tree_method": "hist",
    "eta": 0.5,
    "nthread": 1,
}
"""One thread, so that sums are added in one order and the same data yields the same bytes."""


def fit(
    matrix: NDArray[np.float32], species: NDArray[np.intp], *, depth: int, rounds: int, seed: int
) -> xgboost.Booster:
    """Fit a booster on penguins (n, 7) and their masked copies."""
    training_set = with_masked_copies(matrix, species, seed=seed)
    rows = xgboost.DMatrix(
        training_set.matrix,
        training_set.species,
        weight=training_set.weights,
        feature_names=list(FEATURES),
        nthread=1,
    )
    return xgboost.train({**PARAMETERS, "max_depth": depth, "seed": seed}, rows, rounds)
