"""The booster's fixed parameters, and one deterministic fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import xgboost

from rookery.training.masking import with_masked_copies

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract
    from rookery.training.tables.data import TrainingData

_FIXED: Final[dict[str, int | float | str]] = {
    "objective": "multi:softprob",
    "tree_method": "hist",
    "eta": 0.5,
    "nthread": 1,
}
"""One thread, so that sums are added in one order and the same data yields the same bytes.

Two labels have a tree each as well: every trained model answers with a probability for each label.
"""


def parameters(contract: Contract) -> dict[str, int | float | str]:
    """The parameters of a booster for a contract's labels."""
    return {**_FIXED, "num_class": len(contract.labels)}


def fit(data: TrainingData, *, depth: int, rounds: int, seed: int) -> xgboost.Booster:
    """Fit a booster on known readings and their masked copies."""
    training_set = with_masked_copies(data, seed=seed)
    rows = xgboost.DMatrix(
        training_set.matrix,
        training_set.labels,
        weight=training_set.weights,
        nthread=1,
    )
    chosen = {**parameters(data.contract), "max_depth": depth, "seed": seed}
    booster = xgboost.train(chosen, rows, rounds)
    # The matrix would refuse names with brackets.
    booster.feature_names = list(data.contract.names)
    return booster


def most_used(booster: xgboost.Booster) -> list[str]:
    """The features of the splits, that with the largest gain first."""
    gains = booster.get_score(importance_type="total_gain")
    return sorted(gains, key=lambda name: (-float(str(gains[name])), name))
