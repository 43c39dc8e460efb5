"""The classifier's protocol: what the pipeline asks of a model, and the answers that it gets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Predictions:
    """What a model says of n readings.

    `labels` names the columns of `probabilities` (n, labels) float32; `winners` (n,) intp is each reading's
    most probable column; `out_of_distribution` (n,) bool; `model` names the artifact that answered.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]
    winners: NDArray[np.intp]
    out_of_distribution: NDArray[np.bool_]
    model: str

    @cached_property
    def unlike(self) -> list[int]:
        """The positions of the readings that are out of distribution; nearly always none."""
        found: list[int] = self.out_of_distribution.nonzero()[0].tolist()
        return found

    def some(self, which: slice) -> Predictions:
        """The answers of some readings, sharing these arrays."""
        return replace(
            self,
            probabilities=self.probabilities[which],
            winners=self.winners[which],
            out_of_distribution=self.out_of_distribution[which],
        )


class Classifier(Protocol):
    """Answers readings; safe to call from several threads at once."""

    @property
    def model(self) -> str:
        """The name of the artifact that answers, as predictions carry it."""

    def pinned(self) -> Classifier:
        """The classifier that stays the same for a whole batch; itself, unless it can be exchanged."""

    def classify(self, rows: NDArray[np.float32]) -> Predictions:
        """Answer rows of shape (n, features), NaN where a feature is missing; n is at least 1."""

    def healthy(self) -> bool:
        """Whether the model still answers known readings as it should; never raises."""
