"""Isolation: when predicting a batch fails, it is bisected until only the guilty rows fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rookery.worker.errors import DefectError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rookery.worker.inference.classifier import Classifier, Predictions


class ModelUnavailableError(DefectError):
    """The model fails on everything, a known reading included."""

    cause = "model"


@dataclass(slots=True)
class BatchResult:
    """Answers by runs of rows, `(first row, answers)` in order, and what the model said of each guilty row."""

    runs: list[tuple[int, Predictions]] = field(default_factory=list)
    guilty: dict[int, str] = field(default_factory=dict)


def classify(classifier: Classifier, rows: NDArray[np.float32]) -> BatchResult:
    """Classify rows of shape (n, features); n readings with one guilty cost at most 1 + 2 log2(n) predict calls.

    Raises ModelUnavailableError where no row is answered and the model fails its own known readings too.
    """
    isolated = BatchResult()
    if len(rows):
        _bisect(classifier, rows, 0, isolated)
        if not isolated.runs and not classifier.healthy():
            raise ModelUnavailableError(
                f"the model fails on every reading: {next(iter(isolated.guilty.values()))}"
            )
    return isolated


def _bisect(classifier: Classifier, rows: NDArray[np.float32], first: int, isolated: BatchResult) -> None:
    try:
        answers = classifier.classify(rows)
        if len(answers.winners) != len(rows):
            raise RuntimeError(f"{len(rows)} readings got {len(answers.winners)} answers")  # noqa: TRY301  treated alike
    except Exception as error:  # noqa: BLE001  whatever the model raises is about some row, or about all of them
        if len(rows) == 1:
            isolated.guilty[first] = f"{type(error).__name__}: {error}"
            return
        half = len(rows) // 2
        _bisect(classifier, rows[:half], first, isolated)
        _bisect(classifier, rows[half:], first + half, isolated)
    else:
        isolated.runs.append((first, answers))
