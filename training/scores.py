"""Scores: how well probabilities fit known readings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.artifact import Scores
from rookery.training.selection import losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST_CONFUSED: Final = 50
"""Labels up to which the confusion of each with each is counted."""


def score(known: NDArray[np.intp], answers: NDArray[np.float32], names: Sequence[str]) -> Scores:
    """Score probabilities (repeats, readings, labels) against the known labels (readings,), whose names are given."""
    called = answers.argmax(axis=-1)
    width = len(names)
    pairs = np.bincount((known * width + called).ravel(), minlength=width * width)
    counts = pairs.reshape(width, width)
    recall = counts.diagonal() / np.maximum(counts.sum(axis=1), 1)
    confusion = (counts / len(answers)).tolist() if width <= MOST_CONFUSED else []
    return Scores(
        accuracy=accuracy(known, answers),
        log_loss=round(float(losses(known, answers).mean()), 5),
        recall=dict(zip(names, np.round(recall, 5).tolist(), strict=True)),
        confusion=tuple(tuple(row) for row in confusion),
    )


def accuracy(known: NDArray[np.intp], answers: NDArray[np.float32]) -> float:
    """Return the share of readings called right, over all repeats."""
    return round(float((answers.argmax(axis=-1) == known).mean()), 5)
