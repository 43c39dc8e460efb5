"""CurrentModel: the classifier that can be exchanged while messages flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rookery.worker.inference.classifier import Classifier, Predictions


class CurrentModel:
    """Answers with the model that is current; a batch pins it, so that one artifact answers all of it."""

    def __init__(self, classifier: Classifier) -> None:
        """Store the model to begin with."""
        self._classifier = classifier

    @property
    def model(self) -> str:
        """The name of the artifact that answers now."""
        return self._classifier.model

    def pinned(self) -> Classifier:
        """The artifact that answers now, whatever is swapped in later."""
        return self._classifier.pinned()

    def classify(self, rows: NDArray[np.float32]) -> Predictions:
        """Answer rows of shape (n, features), all by one artifact."""
        return self._classifier.classify(rows)

    def healthy(self) -> bool:
        """Whether the artifact that answers now still knows its golden readings."""
        return self._classifier.healthy()

    def swap(self, classifier: Classifier) -> None:
        """Let another artifact answer from the next batch on; may be called from any thread."""
        self._classifier = classifier
