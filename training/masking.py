"""Masked copies: augment the training data with missing values, for real readings lack some features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.reading import MEASUREMENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

COPIES: Final = 4
"""Masked copies of each penguin; together they weigh as much as the penguin itself."""

HIDDEN_SHARE: Final = 0.35
"""The chance of each cell of a copy to be hidden."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The input of a fit: features (rows, 7), species (rows,) and weights (rows,)."""

    matrix: NDArray[np.float32]
    species: NDArray[np.intp]
    weights: NDArray[np.float64]


def with_masked_copies(matrix: NDArray[np.float32], species: NDArray[np.intp], *, seed: int) -> TrainingSet:
    """Add COPIES of each penguin with cells hidden at random, at least one measurement left in each.

    Why, and what it gains: docs/decisions/0002-masked-copies.md.
    """
    copies = np.tile(matrix, (COPIES, 1))
    copies[_hidden(copies, seed=seed)] = np.nan
    return TrainingSet(
        matrix=np.vstack([matrix, copies]),
        species=np.tile(species, COPIES + 1),
        weights=np.repeat([1.0, 1.0 / COPIES], [len(matrix), len(copies)]),
    )


def _hidden(matrix: NDArray[np.float32], *, seed: int) -> NDArray[np.bool_]:
    """Draw the cells to hide, as a mask of the matrix's shape."""
    generator = np.random.default_rng(seed)
    mask = generator.random(matrix.shape) < HIDDEN_SHARE
    present = ~np.isnan(matrix[:, : len(MEASUREMENTS)])
    bare = ~(present & ~mask[:, : len(MEASUREMENTS)]).any(axis=1)
    # A bare row gets one of the measurements that its penguin has back, drawn like the mask.
    spared = (generator.random(present.shape) * present).argmax(axis=1)
    mask[bare, spared[bare]] = False
    return mask
