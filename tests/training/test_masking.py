"""Masked copies: honest copies of the penguins, never without a measurement."""

from __future__ import annotations

import numpy as np

from rookery.schemas.features import matrix
from rookery.schemas.reading import MEASUREMENTS
from rookery.schemas.testing import ReadingFactory
from rookery.training.masking import COPIES, HIDDEN_SHARE, with_masked_copies


def penguins(count: int) -> tuple[np.ndarray, np.ndarray]:
    rows = matrix(ReadingFactory(seed=1).readings(count))
    # Each penguin lacks three of its measurements, the hardest case.
    rows[:, :4][np.arange(4) != (np.arange(count) % 4)[:, None]] = np.nan
    return rows, np.arange(count) % 3


def test_copies_are_their_penguins_with_cells_hidden() -> None:
    """The penguins come first and untouched; each copy differs from its penguin in hidden cells only."""
    rows, species = penguins(500)
    training_set = with_masked_copies(rows, species, seed=5)
    assert np.array_equal(training_set.matrix[:500], rows, equal_nan=True)
    copies, originals = training_set.matrix[500:], np.tile(rows, (COPIES, 1))
    kept = ~np.isnan(copies)
    assert np.array_equal(copies[kept], originals[kept])
    assert np.array_equal(training_set.species, np.tile(species, COPIES + 1))
    assert abs(1 - kept[:, 4:].mean() - HIDDEN_SHARE) < 0.02


def test_no_copy_is_without_a_measurement() -> None:
    """Even a penguin of one measurement keeps it in each of its copies."""
    training_set = with_masked_copies(*penguins(500), seed=5)
    assert (~np.isnan(training_set.matrix[:, : len(MEASUREMENTS)])).any(axis=1).all()


def test_copies_together_weigh_as_much_as_their_penguin() -> None:
    """Whole readings stay half of the training_set."""
    training_set = with_masked_copies(*penguins(20), seed=5)
    assert training_set.weights[:20].sum() == training_set.weights[20:].sum() == 20
