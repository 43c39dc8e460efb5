"""Choose the smallest model that loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.artifact import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MAX_MORE_ERRORS: Final = 1.0
MAX_MORE_SHARE: Final = 0.003
"""Readings wrong, on average over the repeats, that separate nothing from something: one of a few hundred, this share of more."""


def losses(labels: NDArray[np.intp], probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each reading's log loss in nats, (..., readings), of probabilities (..., readings, labels)."""
    right = probabilities[..., np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(right, np.finfo(np.float32).tiny))


def candidates(
    labels: NDArray[np.intp], answers: NDArray[np.float32], *, depth: int, patience: int
) -> list[Candidate]:
    """Score one depth after each round, until `patience` rounds brought no lower log loss.

    `answers` are out-of-fold probabilities, (rounds, repeats, readings, labels).
    """
    scored: list[Candidate] = []
    best = 0
    for done, answer in enumerate(answers):
        scored.append(_candidate(labels, answer, depth=depth, rounds=done + 1))
        if scored[done].log_loss < scored[best].log_loss:
            best = done
        if done - best >= patience:
            break
    return scored


def _candidate(
    labels: NDArray[np.intp], answer: NDArray[np.float32], *, depth: int, rounds: int
) -> Candidate:
    # Repeats see the same readings: the standard error is that of readings, not of repeats.
    loss = losses(labels, answer).mean(axis=0)
    return Candidate(
        depth=depth,
        rounds=rounds,
        log_loss=round(float(loss.mean()), 5),
        standard_error=round(float(loss.std(ddof=1)) / len(loss) ** 0.5, 5),
        wrong=float((answer.argmax(axis=-1) != labels).sum(axis=-1).mean()),
    )


def best(scored: Iterable[Candidate]) -> Candidate:
    """Return the candidate of the lowest log loss; the smallest where they are equal."""
    return min(scored, key=lambda one: (one.log_loss, one.leaves))


def choose(scored: Iterable[Candidate], *, readings: int = 0) -> Candidate:
    """Choose the fewest leaves among those that lose nothing measurable against the best.

    Nothing measurable: the log loss is within one standard error of the lowest one, and no more than
    MAX_MORE_ERRORS (of many readings, MAX_MORE_SHARE) are wrong beyond those that the best gets wrong. Equal sizes: the
    lower log loss.
    """
    every = list(scored)
    more = max(MAX_MORE_ERRORS, MAX_MORE_SHARE * readings)
    target = best(every)
    return min(
        (
            one
            for one in every
            if one.log_loss <= target.log_loss + target.standard_error and one.wrong <= target.wrong + more
        ),
        key=lambda one: (one.leaves, one.log_loss),
    )
