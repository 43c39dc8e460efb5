"""Masked copies: honest copies of the birds, never without a measurement."""

from __future__ import annotations

import numpy as np

from rookery.schemas.reading import MEASUREMENTS
from rookery.training.masking import COPIES, HIDDEN_SHARE, with_masked_copies


def birds(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(count, 7)).astype(np.float32)
    # Each bird lacks three of its measurements, the hardest case.
    matrix[:, :4][np.arange(4) != (np.arange(count) % 4)[:, None]] = np.nan
    return matrix, generator.integers(0, 3, count)


def test_copies_are_their_birds_with_cells_hidden() -> None:
    """The birds come first and untouched; each copy differs from its bird in hidden cells only."""
    matrix, species = birds(500)
    lesson = with_masked_copies(matrix, species, seed=5)
    assert np.array_equal(lesson.matrix[:500], matrix, equal_nan=True)
    copies, originals = lesson.matrix[500:], np.tile(matrix, (COPIES, 1))
    kept = ~np.isnan(copies)
    assert np.array_equal(copies[kept], originals[kept])
    assert np.array_equal(lesson.species, np.tile(species, COPIES + 1))
    assert abs(1 - kept[:, 4:].mean() - HIDDEN_SHARE) < 0.02


def test_no_copy_is_without_a_measurement() -> None:
    """Even a bird of one measurement keeps it in each of its copies."""
    lesson = with_masked_copies(*birds(500), seed=5)
    assert (~np.isnan(lesson.matrix[:, : len(MEASUREMENTS)])).any(axis=1).all()


def test_copies_together_weigh_as_much_as_their_bird() -> None:
    """Whole readings stay half of the lesson."""
    lesson = with_masked_copies(*birds(20), seed=5)
    assert lesson.weights[:20].sum() == lesson.weights[20:].sum() == 20
