"""Masked copies: augment the training data with missing values, for real readings lack some features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.training.tables.data import groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.schemas.contract.contract import Contract
    from rookery.training.tables.data import TrainingData

COPIES: Final = 4
"""Masked copies of each reading; together they weigh as much as the reading itself."""

MOST_COPIED: Final = 20_000
"""Readings beyond which each has one copy, for time and memory."""

HIDDEN_SHARE: Final = 0.35
"""The chance of each cell of a copy to be hidden."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The input of a fit: features (rows, features), labels (rows,) and weights (rows,)."""

    matrix: NDArray[np.float32]
    labels: NDArray[np.intp]
    weights: NDArray[np.float64]


def with_masked_copies(data: TrainingData, *, seed: int) -> TrainingSet:
    """Add COPIES of each reading with cells hidden at random, never one that every reading must have.

    Why, and what it gains: docs/decisions/0002-masked-copies.md.
    """
    count = COPIES if len(data) <= MOST_COPIED else 1
    copies = np.tile(data.matrix, (count, 1))
    copies[_hidden(copies, data.contract, seed=seed)] = np.nan
    return TrainingSet(
        matrix=np.vstack([data.matrix, copies]),
        labels=np.tile(data.labels, count + 1),
        weights=np.repeat([1.0, 1.0 / count], [len(data), len(copies)]),
    )


def _hidden(matrix: NDArray[np.float32], contract: Contract, *, seed: int) -> NDArray[np.bool_]:
    """Draw the cells to hide, as a mask of the matrix's shape."""
    generator = np.random.default_rng(seed)
    mask = generator.random(matrix.shape) < HIDDEN_SHARE
    for group in groups_of(contract):
        present = ~np.isnan(matrix[:, group])
        bare = ~(present & ~mask[:, group]).any(axis=1)
        # A bare row gets one of the group that its reading has back, drawn like the mask.
        spared = (generator.random(present.shape) * present).argmax(axis=1)
        mask[bare, np.array(group)[spared[bare]]] = False
    mask[:, [feature.required for feature in contract.features]] = False
    return mask
