"""Bisection: a batch that the model fails on is split in halves until only the failing rows fail."""

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
    """Predictions by runs of rows, `(first row, predictions)` in order, and the model's error for each failed row."""

    runs: list[tuple[int, Predictions]] = field(default_factory=list)
    failed_rows: dict[int, str] = field(default_factory=dict)


def classify(classifier: Classifier, rows: NDArray[np.float32]) -> BatchResult:
    """Classify rows of shape (n, features); n readings of which one fails cost at most 1 + 2 log2(n) predict calls.

    Raises ModelUnavailableError where every row fails and the model fails its golden readings too.
    """
    result = BatchResult()
    if len(rows):
        _bisect(classifier, rows, 0, result)
        if not result.runs and not classifier.healthy():
            raise ModelUnavailableError(
                f"the model fails on every reading: {next(iter(result.failed_rows.values()))}"
            )
    return result


def _bisect(classifier: Classifier, rows: NDArray[np.float32], first: int, result: BatchResult) -> None:
    try:
        answers = classifier.classify(rows)
        if len(answers.label_indices) != len(rows):
            raise RuntimeError(f"{len(rows)} readings got {len(answers.label_indices)} answers")  # noqa: TRY301  treated alike
    except Exception as error:  # noqa: BLE001  whatever the model raises is about some row, or about all of them
        if len(rows) == 1:
            result.failed_rows[first] = f"{type(error).__name__}: {error}"
            return
        half = len(rows) // 2
        _bisect(classifier, rows[:half], first, result)
        _bisect(classifier, rows[half:], first + half, result)
    else:
        result.runs.append((first, answers))
