"""Choose the smallest model that loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.artifact import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

NO_MORE_BIRDS: Final = 1.0
"""Birds wrong, on average over the repeats, that separate nothing from something with a few hundred birds."""


def losses(species: NDArray[np.intp], probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each bird's log loss in nats, (..., birds), of probabilities (..., birds, species)."""
    right = probabilities[..., np.arange(len(species)), species].astype(np.float64)
    return -np.log(np.maximum(right, np.finfo(np.float32).tiny))


def candidates(
    species: NDArray[np.intp], answers: NDArray[np.float32], *, depth: int, patience: int
) -> list[Candidate]:
    """Judge one depth after each round, until `patience` rounds brought no lower log loss.

    `answers` are out-of-fold probabilities, (rounds, repeats, birds, species).
    """
    judged: list[Candidate] = []
    best = 0
    for done, answer in enumerate(answers):
        judged.append(_candidate(species, answer, depth=depth, rounds=done + 1))
        if judged[done].log_loss < judged[best].log_loss:
            best = done
        if done - best >= patience:
            break
    return judged


def _candidate(
    species: NDArray[np.intp], answer: NDArray[np.float32], *, depth: int, rounds: int
) -> Candidate:
    # Repeats see the same birds: the standard error is that of birds, not of repeats.
    loss = losses(species, answer).mean(axis=0)
    return Candidate(
        depth=depth,
        rounds=rounds,
        log_loss=round(float(loss.mean()), 5),
        standard_error=round(float(loss.std(ddof=1)) / len(loss) ** 0.5, 5),
        wrong=float((answer.argmax(axis=-1) != species).sum(axis=-1).mean()),
    )


def best(judged: Iterable[Candidate]) -> Candidate:
    """Return the candidate of the lowest log loss; the smallest where they are equal."""
    return min(judged, key=lambda one: (one.log_loss, one.leaves))


def choose(judged: Iterable[Candidate]) -> Candidate:
    """Choose the fewest leaves among those that lose nothing measurable against the best.

    Nothing measurable: the log loss is within one standard error of the lowest one, and no more than
    NO_MORE_BIRDS are wrong beyond those that the best gets wrong. Equal sizes: the lower log loss.
    """
    every = list(judged)
    target = best(every)
    return min(
        (
            one
            for one in every
            if one.log_loss <= target.log_loss + target.standard_error
            and one.wrong <= target.wrong + NO_MORE_BIRDS
        ),
        key=lambda one: (one.leaves, one.log_loss),
    )
