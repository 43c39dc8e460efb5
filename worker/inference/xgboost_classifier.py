"""The classifier over an XGBoost booster held in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.contract.compiled import CompiledContract
from rookery.worker.inference.classifier import Predictions
from rookery.worker.inference.xgboost_c_api import PredictFromDense
from rookery.worker.models.booster_check import MalformedBoosterError, check_booster
from rookery.worker.runtime.light_xgboost import xgboost
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rookery.schemas.artifact import Golden, ModelCard
    from rookery.worker.inference.forest.compiled import CompiledForest
    from rookery.worker.inference.outliers import OutlierDetector

    _Call = Callable[[NDArray[np.float32]], NDArray[np.float32]]

PROBABILITY_TOLERANCE: Final = 1e-6
"""How far a golden probability may be off: the exponential's last bit differs between processors."""


_LIBRARY: Final = xgboost.core._LIB  # noqa: SLF001  the loaded library, by the only name that it has
XGBOOST_VERSION: Final[str] = xgboost.__version__

UNSLICED_ROWS: Final = 2048
"""Rows that are answered in one call; a call has its own costs."""

SLICE_ROWS: Final = 256
"""Rows of more that are answered before stepping aside: less than half a millisecond's work, or 0.9 ms of 500 trees."""


class UnreadableModelError(ValueError):
    """The bytes are no booster that this version of xgboost can read."""


def parse(raw: bytes) -> xgboost.Booster:
    """Read a booster's UBJ; raises UnreadableModelError."""
    try:
        # Before xgboost sees a byte: it ends the process over an index that leads nowhere.
        check_booster(raw)
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(raw))
    except (MalformedBoosterError, xgboost.core.XGBoostError, UnicodeError) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableModelError(f"xgboost {XGBOOST_VERSION} cannot read it: {reason}") from None
    # Loading brings the thread count of training back.
    booster.set_param({"nthread": 1})
    return booster


class XGBoostClassifier:
    """Answers readings with a checked booster, its outlier rule (if any) and its card; safe for concurrent calls.

    The booster has `outputs`: a probability for each label, or the second one's of two. `engine` says what computes: the
    `booster`, or its `compiled` forest.
    """

    def __init__(
        self,
        booster: xgboost.Booster,
        card: ModelCard,
        *,
        outputs: int,
        outliers: OutlierDetector | None,
        digest: str,
    ) -> None:
        self.card = card
        self.contract = CompiledContract(card.contract)
        self.digest = digest
        self.model = digest[:12]
        self.booster = booster
        self.engine = "booster"
        self._probabilities: _Call = PredictFromDense(_LIBRARY, booster, outputs=outputs)
        self._margins: _Call = PredictFromDense(_LIBRARY, booster, outputs=outputs, margin=True)
        self._outliers = outliers
        self._one_output = outputs == 1
        self._threshold = card.contract.threshold
        self._width = len(self.contract.names)

    def take_over(self, forest: CompiledForest) -> None:
        """Let a forest that was verified against the booster answer from the next batch on; may be called from any thread."""
        self._probabilities, self._margins = forest.probabilities, forest.margins
        self.engine = "compiled"

    def classify(self, rows: NDArray[np.float32]) -> Predictions:
        """Answer rows (n, features), NaN where a feature is missing; raises ValueError on another width."""
        probabilities = self._predict(rows)
        if self._one_output:
            # As scikit-learn's wrapper makes them, to the last bit.
            probabilities = np.hstack((1 - probabilities, probabilities))
        if self._threshold is None:
            label_indices = probabilities.argmax(axis=1)
        else:
            label_indices = (probabilities[:, 1] >= self._threshold).astype(np.intp)
        return Predictions(
            contract=self.contract,
            probabilities=probabilities,
            label_indices=label_indices,
            out_of_distribution=None if self._outliers is None else self._outliers.far(rows),
            model=self.model,
        )

    def healthy(self) -> bool:
        """Whether the golden readings are still answered as they were in training."""
        try:
            return not self.deviations()
        except Exception:  # noqa: BLE001  whatever it raises, it is not healthy
            return False

    def deviations(self) -> list[str]:
        """Ask the golden readings, all at once, and say how the answers differ from the card's."""
        known = self.card.golden
        rows = golden_rows(known)
        wrong = []
        if not np.array_equal(self._predict(rows, margin=True), np.array(known.margins, dtype=np.float32)):
            wrong.append("golden readings: the margins differ")
        answers = self.classify(rows)
        if not np.allclose(answers.probabilities, known.probabilities, rtol=0, atol=PROBABILITY_TOLERANCE):
            wrong.append("golden readings: the probabilities differ")
        far = answers.out_of_distribution
        if far is not None and tuple(far.tolist()) != known.out_of_distribution:
            wrong.append("golden readings: other ones are out of distribution")
        return wrong

    def _predict(self, rows: NDArray[np.float32], *, margin: bool = False) -> NDArray[np.float32]:
        # A row of another width would be read beyond its end.
        if rows.ndim != 2 or rows.shape[1] != self._width:  # noqa: PLR2004  rows and columns
            raise ValueError(f"rows of {self._width} features are needed, not shape {rows.shape}")
        call = self._margins if margin else self._probabilities
        return call(rows) if len(rows) <= UNSLICED_ROWS else _sliced(call, rows)


def _sliced(call: _Call, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Answer many rows as `call` does, slice after slice."""
    slices = []
    for first in range(0, len(rows), SLICE_ROWS):
        if first:
            step_aside()
        slices.append(call(rows[first : first + SLICE_ROWS]))
    return np.concatenate(slices)


def golden_rows(known: Golden) -> NDArray[np.float32]:
    """Return the golden readings as the model's matrix (n, features)."""
    return np.array(known.rows, dtype=np.float32)
