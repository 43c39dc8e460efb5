"""Scores: how well probabilities fit known penguins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rookery.schemas.artifact import Scores
from rookery.schemas.reading import SPECIES
from rookery.training.selection import losses

if TYPE_CHECKING:
    from numpy.typing import NDArray


def score(species: NDArray[np.intp], answers: NDArray[np.float32]) -> Scores:
    """Score probabilities (repeats, penguins, species) against the known species (penguins,)."""
    called = answers.argmax(axis=-1)
    every = range(len(SPECIES))
    counts = np.array([[((called == j) & (species == i)).sum() for j in every] for i in every])
    recall = counts.diagonal() / counts.sum(axis=1)
    return Scores(
        accuracy=accuracy(species, answers),
        log_loss=round(float(losses(species, answers).mean()), 5),
        recall=dict(zip(SPECIES, np.round(recall, 5).tolist(), strict=True)),
        confusion=tuple(tuple(row) for row in (counts / len(answers)).tolist()),
    )


def accuracy(species: NDArray[np.intp], answers: NDArray[np.float32]) -> float:
    """Return the share of penguins called right, over all repeats."""
    return round(float((answers.argmax(axis=-1) == species).mean()), 5)
