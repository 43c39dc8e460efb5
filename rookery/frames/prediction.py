"""predict: a frame of readings classified in this process, with a worker's own contract, model and arithmetic."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.libraries import library
from rookery.frames.rows import FrameRows, decoded
from rookery.publisher.files.bad_row import why
from rookery.schemas.features import FEATURES, columns_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

    from rookery.worker.inference.xgboost_classifier import XGBoostClassifier

PREDICTED: Final = ("species", "probability", "out_of_distribution", "missing", "reason")
"""The columns of a prediction's frame."""

_DIGITS: Final = 6
"""Digits of a probability, as in a line of results."""


def predict(
    df: DataFrame, model: str | Path | None = None, *, mapping: Mapping[str, str] | None = None
) -> DataFrame:
    """Classify every row of a frame as a worker would; the result has the frame's index.

    Columns have the contract's names or those that the CSV reader knows (`mapping` gives others: `{"beak": "bill_length_mm"}`).
    `model` is a path or `gs://bucket/object`; None is the model that Rookery ships. Columns of the result: `species`
    (category), `probability` of that species, `out_of_distribution` (boolean), `missing` (names of missing features,
    `|` between), and `reason`: every reason why a row is rejected, the other columns being NaN then.

    Raises BadFrameError, ModelAddressError, ModelUnreachableError, ModelRefusedError.
    """
    return predictions(FrameRows.of(df, mapping), classifier(model))


def classifier(model: str | Path | None) -> XGBoostClassifier:
    """Load a model, or take it from the last few that were loaded; raises as `predict` does."""
    from rookery.worker.models.choose import source_of  # noqa: PLC0415  xgboost is imported with a first prediction
    from rookery.worker.models.loader import SHIPPED  # noqa: PLC0415  the same

    return _loaded(source_of(str(SHIPPED if model is None else model)).fetch().artifact)


@lru_cache(maxsize=4)
def _loaded(artifact: bytes) -> XGBoostClassifier:
    from rookery.worker.models.loader import load  # noqa: PLC0415  the same

    return load(artifact)


def predictions(rows: FrameRows, model: XGBoostClassifier) -> DataFrame:
    """Classify the rows of a frame whose columns are known."""
    numpy, pandas = library("numpy"), library("pandas")
    count = len(rows.frame)
    matrix = numpy.full((count, len(FEATURES)), numpy.nan, dtype=numpy.float32)
    usable = numpy.zeros(count, dtype=bool)
    reasons: list[str | None] = [None] * count
    for first, cells in rows.chunks():
        found = decoded(cells)
        if found.table is not None:
            places = numpy.asarray(found.positions) + first
            matrix[places] = columns_matrix(found.table.__dict__, found.table.rows)
            usable[places] = True
        for refused in found.refused:
            reasons[first + (refused.row or 0)] = why(refused.reasons)
    codes, probabilities, outliers = _answers(model, matrix, usable)
    made = {
        "species": pandas.Categorical.from_codes(codes, categories=list(model.card.labels)),
        "probability": probabilities,
        "out_of_distribution": pandas.arrays.BooleanArray(outliers, ~usable),
        "missing": pandas.array(_missing(matrix, usable), dtype="string"),
        "reason": pandas.array(reasons, dtype="string"),
    }
    return pandas.DataFrame(made, index=rows.frame.index)


def _answers(
    model: XGBoostClassifier, matrix: NDArray[np.float32], usable: NDArray[np.bool_]
) -> tuple[Any, Any, Any]:
    """The label's position (-1 for a rejected row), its probability, and whether it is out of distribution, of each row."""
    numpy = library("numpy")
    codes = numpy.full(len(matrix), -1)
    probabilities = numpy.full(len(matrix), numpy.nan)
    outliers = numpy.zeros(len(matrix), dtype=bool)
    if usable.any():
        run = model.classify(matrix[usable])
        best = run.probabilities[numpy.arange(len(run.label_indices)), run.label_indices]
        codes[usable] = run.label_indices
        probabilities[usable] = best.astype(numpy.float64).round(_DIGITS)
        outliers[usable] = run.out_of_distribution
    return codes, probabilities, outliers


def _missing(matrix: NDArray[np.float32], usable: NDArray[np.bool_]) -> list[str | None]:
    numpy = library("numpy")
    bits = numpy.isnan(matrix) @ (1 << numpy.arange(len(FEATURES)))
    texts = {
        pattern: "|".join(name for nth, name in enumerate(FEATURES) if pattern >> nth & 1)
        for pattern in numpy.unique(bits).tolist()
    }
    return [
        texts[pattern] if known else None
        for pattern, known in zip(bits.tolist(), usable.tolist(), strict=True)
    ]
