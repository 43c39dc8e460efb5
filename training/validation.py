"""Repeated stratified cross-validation: what models say of penguins that they have not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import StratifiedKFold

from rookery.schemas.reading import SPECIES
from rookery.training.trees import fit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rookery.schemas.artifact import Candidate
    from rookery.training.penguins import TrainingData


@dataclass(frozen=True, slots=True)
class ValidationPlan:
    """How much to try: folds and repeats of the cross-validation, depths and rounds of the booster.

    A depth's rounds end early when `patience` more rounds did not lower its log loss.
    """

    folds: int = 5
    repeats: int = 4
    depths: tuple[int, ...] = (1, 2, 3)
    rounds: int = 60
    patience: int = 10


@dataclass(frozen=True, slots=True)
class Fold:
    """One split: the repeat that it belongs to, and the positions of its penguins."""

    repeat: int
    train: NDArray[np.intp]
    held_out: NDArray[np.intp]


def folds(penguins: TrainingData, plan: ValidationPlan, *, seed: int) -> Iterator[Fold]:
    """Split the penguins so that each fold has each species' share; every repeat shuffles anew."""
    for repeat in range(plan.repeats):
        splitter = StratifiedKFold(plan.folds, shuffle=True, random_state=seed + repeat)
        for train, held_out in splitter.split(penguins.matrix, penguins.species):
            yield Fold(repeat, train, held_out)


def by_round(penguins: TrainingData, plan: ValidationPlan, *, depth: int, seed: int) -> NDArray[np.float32]:
    """Return out-of-fold probabilities after every round, (rounds, repeats, penguins, species)."""
    answers = np.empty((plan.rounds, plan.repeats, len(penguins), len(SPECIES)), dtype=np.float32)
    for fold in folds(penguins, plan, seed=seed):
        booster = fit(
            penguins.matrix[fold.train],
            penguins.species[fold.train],
            depth=depth,
            rounds=plan.rounds,
            seed=seed,
        )
        unseen = penguins.matrix[fold.held_out]
        for done in range(plan.rounds):
            answers[done, fold.repeat, fold.held_out] = booster.inplace_predict(
                unseen, iteration_range=(0, done + 1)
            )
    return answers


def without(
    penguins: TrainingData,
    plan: ValidationPlan,
    *,
    size: Candidate,
    hidden: tuple[tuple[int, ...], ...],
    seed: int,
) -> NDArray[np.float32]:
    """Return out-of-fold probabilities of one size of model with each group of columns hidden, (groups, repeats, penguins, species)."""
    answers = np.empty((len(hidden), plan.repeats, len(penguins), len(SPECIES)), dtype=np.float32)
    for fold in folds(penguins, plan, seed=seed):
        booster = fit(
            penguins.matrix[fold.train],
            penguins.species[fold.train],
            depth=size.depth,
            rounds=size.rounds,
            seed=seed,
        )
        for group, columns in enumerate(hidden):
            unseen = penguins.matrix[fold.held_out]
            unseen[:, columns] = np.nan
            answers[group, fold.repeat, fold.held_out] = booster.inplace_predict(unseen)
    return answers
