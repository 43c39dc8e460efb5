"""Classifier: the protocol of a model, and the predictions that it returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rookery.schemas.contract.compiled import CompiledContract


@dataclass(frozen=True)
class Predictions:
    """A model's answers to n readings.

    The labels of `contract`, that of the model, name the columns of `probabilities` (n, labels) float32; `label_indices`
    (n,) intp is each reading's answer among them; `out_of_distribution` (n,) bool, None where the model cannot say;
    `model` names the artifact that answered.
    """

    contract: CompiledContract
    probabilities: NDArray[np.float32]
    label_indices: NDArray[np.intp]
    out_of_distribution: NDArray[np.bool_] | None
    model: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the columns."""
        return self.contract.contract.labels

    @cached_property
    def ood_rows(self) -> list[int]:
        """The rows that are out of distribution; nearly always none."""
        if self.out_of_distribution is None:
            return []
        found: list[int] = self.out_of_distribution.nonzero()[0].tolist()
        return found

    def subset(self, which: slice) -> Predictions:
        """The answers to some of the readings, sharing these arrays."""
        far = self.out_of_distribution
        return replace(
            self,
            probabilities=self.probabilities[which],
            label_indices=self.label_indices[which],
            out_of_distribution=None if far is None else far[which],
        )


class Classifier(Protocol):
    """Classifies readings; safe to call from several threads at once."""

    @property
    def model(self) -> str:
        """The name of the artifact, as predictions carry it."""

    @property
    def contract(self) -> CompiledContract:
        """The contract of the model: readings are decoded and encoded by it."""

    def classify(self, rows: NDArray[np.float32]) -> Predictions:
        """Classify rows of shape (n, features), NaN where a feature is missing; n is at least 1."""

    def healthy(self) -> bool:
        """Whether the model still answers known readings as it should; never raises."""


class CurrentModel(Protocol):
    """The model that may be replaced while messages flow."""

    @property
    def classifier(self) -> Classifier:
        """The classifier that answers now; a batch reads it once, so that one model answers all of it."""
