"""Masked copies: honest copies of the penguins, never without a measurement."""

from __future__ import annotations

import numpy as np

from rookery.schemas.reading import MEASUREMENTS
from rookery.training.masking import COPIES, HIDDEN_SHARE, with_masked_copies


def penguins(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(count, 7)).astype(np.float32)
    # Each penguin lacks three of its measurements, the hardest case.
    matrix[:, :4][np.arange(4) != (np.arange(count) % 4)[:, None]] = np.nan
    return matrix, generator.integers(0, 3, count)


def test_copies_are_their_penguins_with_cells_hidden() -> None:
    """The penguins come first and untouched; each copy differs from its penguin in hidden cells only."""
    matrix, species = penguins(500)
    training_set = with_masked_copies(matrix, species, seed=5)
    assert np.array_equal(training_set.matrix[:500], matrix, equal_nan=True)
    copies, originals = training_set.matrix[500:], np.tile(matrix, (COPIES, 1))
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
