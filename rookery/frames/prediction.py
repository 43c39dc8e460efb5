"""predict: a frame of readings classified in this process, with a worker's own contract, model and arithmetic."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.libraries import library
from rookery.frames.rows import FrameRows, decoded
from rookery.publisher.files.bad_row import why

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.worker.inference.xgboost_classifier import XGBoostClassifier

_DIGITS: Final = 6
"""Digits of a probability, as in a line of results."""


def predict(
    df: DataFrame, model: str | Path | None = None, *, mapping: Mapping[str, str] | None = None
) -> DataFrame:
    """Classify every row of a frame as a worker would; the result has the frame's index.

    Columns have the names of the model's contract or its aliases (`mapping` gives others: `{"column": "feature"}`).
    `model` is a path or `gs://bucket/object`; None is the model that Rookery ships. Columns of the result: the contract's
    target (category), `probability` of that label, `out_of_distribution` (boolean, NA where the model has no rule),
    `missing` (names of missing features, `|` between), and `reason`: every reason why a row is rejected, the other
    columns being NaN then.

    Raises BadFrameError, ModelAddressError, ModelUnreachableError, ModelRefusedError.
    """
    loaded = classifier(model)
    return predictions(FrameRows.of(df, loaded.contract, mapping), loaded)


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
    matrix = numpy.full((count, len(rows.contract.names)), numpy.nan, dtype=numpy.float32)
    usable = numpy.zeros(count, dtype=bool)
    reasons: list[str | None] = [None] * count
    for first, cells in rows.chunks():
        found = decoded(cells, rows.contract)
        if found.table is not None:
            places = numpy.asarray(found.positions) + first
            matrix[places] = rows.contract.columns_matrix(found.table.columns, found.table.rows)
            usable[places] = True
        for refused in found.refused:
            reasons[first + (refused.row or 0)] = why(refused.reasons)
    codes, probabilities, outliers = _answers(model, matrix, usable)
    made = {
        rows.contract.contract.target: pandas.Categorical.from_codes(
            codes, categories=list(model.card.labels)
        ),
        "probability": probabilities,
        "out_of_distribution": pandas.array(outliers, dtype="boolean"),
        "missing": pandas.array(_missing(rows.contract, matrix, usable), dtype="string"),
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
    outliers = numpy.full(len(matrix), None, dtype=object)
    if usable.any():
        run = model.classify(matrix[usable])
        best = run.probabilities[numpy.arange(len(run.label_indices)), run.label_indices]
        codes[usable] = run.label_indices
        probabilities[usable] = best.astype(numpy.float64).round(_DIGITS)
        if run.out_of_distribution is not None:
            outliers[usable] = run.out_of_distribution
    return codes, probabilities, outliers


def _missing(
    contract: CompiledContract, matrix: NDArray[np.float32], usable: NDArray[np.bool_]
) -> list[str | None]:
    # Rows of one pattern of missing features are many, and patterns few.
    texts: dict[bytes, str] = {}
    found: list[str | None] = []
    for row, nan, known in zip(matrix, library("numpy").isnan(matrix), usable.tolist(), strict=True):
        pattern = nan.tobytes()
        if pattern not in texts:
            texts[pattern] = "|".join(contract.missing(row.tolist()))
        found.append(texts[pattern] if known else None)
    return found
