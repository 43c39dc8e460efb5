"""Repeated stratified cross-validation: the answers of models to readings that they have not seen."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.model_selection import StratifiedKFold

from rookery.training.trees import fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.artifact import Candidate
    from rookery.training.tables.data import TrainingData


SMALL: Final = 1_000
MEDIUM: Final = 20_000
"""Readings up to which there is time for four repeats, and for five folds."""


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

    @classmethod
    def of(cls, data: TrainingData) -> ValidationPlan:
        """A plan for as many readings: deeper trees and fewer repeats where there are more."""
        if len(data) <= SMALL:
            return cls()
        if len(data) <= MEDIUM:
            return cls(repeats=1, depths=(2, 4, 6), rounds=100)
        return cls(folds=3, repeats=1, depths=(4, 8), rounds=100)


@dataclass(frozen=True, slots=True)
class Fold:
    """One split: the repeat that it belongs to, and the positions of its readings."""

    repeat: int
    train: NDArray[np.intp]
    held_out: NDArray[np.intp]


def folds(data: TrainingData, plan: ValidationPlan, *, seed: int) -> Iterator[Fold]:
    """Split the readings so that each fold has each label's share; every repeat shuffles anew."""
    for repeat in range(plan.repeats):
        splitter = StratifiedKFold(plan.folds, shuffle=True, random_state=seed + repeat)
        with warnings.catch_warnings():
            # It warns of labels with fewer readings than folds, as the known readings of an adopted model may have.
            warnings.simplefilter("ignore", UserWarning)
            splits = list(splitter.split(data.matrix, data.labels))
        for train, held_out in splits:
            yield Fold(repeat, train, held_out)


def by_round(data: TrainingData, plan: ValidationPlan, *, depth: int, seed: int) -> NDArray[np.float32]:
    """Return out-of-fold probabilities after every round, (rounds, repeats, readings, labels)."""
    shape = (plan.rounds, plan.repeats, len(data), len(data.contract.labels))
    answers = np.empty(shape, dtype=np.float32)
    for fold in folds(data, plan, seed=seed):
        booster = fit(data.part(fold.train), depth=depth, rounds=plan.rounds, seed=seed)
        unseen = data.matrix[fold.held_out]
        for done in range(plan.rounds):
            answers[done, fold.repeat, fold.held_out] = booster.inplace_predict(
                unseen, iteration_range=(0, done + 1)
            )
    return answers


def without(
    data: TrainingData,
    plan: ValidationPlan,
    *,
    size: Candidate,
    hidden: Sequence[Sequence[int]],
    seed: int,
) -> NDArray[np.float32]:
    """Return out-of-fold probabilities of one size of model with each group of columns hidden, (groups, repeats, readings, labels)."""
    shape = (len(hidden), plan.repeats, len(data), len(data.contract.labels))
    answers = np.empty(shape, dtype=np.float32)
    for fold in folds(data, plan, seed=seed):
        booster = fit(data.part(fold.train), depth=size.depth, rounds=size.rounds, seed=seed)
        for group, columns in enumerate(hidden):
            unseen = data.matrix[fold.held_out]
            unseen[:, list(columns)] = np.nan
            answers[group, fold.repeat, fold.held_out] = booster.inplace_predict(unseen)
    return answers
