"""Masked copies: honest copies of the penguins, never without a measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rookery.schemas.contract.default import default_contract
from rookery.training.masking import COPIES, HIDDEN_SHARE, with_masked_copies
from rookery.training.tables.data import TrainingData

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract


def penguins(count: int, contract: Contract | None = None) -> TrainingData:
    contract = contract or default_contract()
    rows = np.random.default_rng(1).random((count, len(contract.names)), dtype=np.float32)
    # Each penguin lacks three of its measurements, the hardest case.
    rows[:, :4][np.arange(4) != (np.arange(count) % 4)[:, None]] = np.nan
    return TrainingData(contract, rows, np.arange(count) % 3, 0, "")


def test_copies_are_their_penguins_with_cells_hidden() -> None:
    """The penguins come first and untouched; each copy differs from its penguin in hidden cells only."""
    data = penguins(500)
    rows, labels = data.matrix, data.labels
    training_set = with_masked_copies(data, seed=5)
    assert np.array_equal(training_set.matrix[:500], rows, equal_nan=True)
    copies, originals = training_set.matrix[500:], np.tile(rows, (COPIES, 1))
    kept = ~np.isnan(copies)
    assert np.array_equal(copies[kept], originals[kept])
    assert np.array_equal(training_set.labels, np.tile(labels, COPIES + 1))
    assert abs(1 - kept[:, 4:].mean() - HIDDEN_SHARE) < 0.02


def test_no_copy_is_without_a_measurement() -> None:
    """Even a penguin of one measurement keeps it in each of its copies."""
    training_set = with_masked_copies(penguins(500), seed=5)
    assert (~np.isnan(training_set.matrix[:, :4])).any(axis=1).all()


def test_copies_together_weigh_as_much_as_their_penguin() -> None:
    """Whole readings stay half of the training_set."""
    training_set = with_masked_copies(penguins(20), seed=5)
    assert training_set.weights[:20].sum() == training_set.weights[20:].sum() == 20


def test_a_required_feature_is_never_hidden() -> None:
    """No reading lacks it, so no copy does."""
    shipped = default_contract()
    required = [
        feature.model_copy(update={"required": feature.name == "year"}) for feature in shipped.features
    ]
    data = penguins(200, shipped.model_copy(update={"features": tuple(required)}))
    assert not np.isnan(with_masked_copies(data, seed=5).matrix[:, shipped.names.index("year")]).any()
