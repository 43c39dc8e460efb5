"""Beam's RunInference with its XGBoost handler on the DirectRunner; prints rows and seconds as JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import apache_beam as beam  # type: ignore[import-untyped,import-not-found,unused-ignore]  # in its own environment only
import numpy as np
import xgboost
from apache_beam.ml.inference.base import PredictionResult, RunInference  # type: ignore[import-untyped,import-not-found,unused-ignore]
from apache_beam.ml.inference.xgboost_inference import (  # type: ignore[import-untyped,import-not-found,unused-ignore]
    XGBoostModelHandlerNumpy,
)

from benchmarks.peers.model import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def predictions(
    batch: Sequence[np.ndarray], model: xgboost.Booster, _: dict[str, Any] | None = None
) -> Iterable[PredictionResult]:
    """Predict each element, as the handler's own function does, but for one thread.

    The handler's own gives back DMatrix objects, which the DirectRunner cannot pickle.
    """
    model.set_param({"nthread": 1})
    matrices = [xgboost.DMatrix(each, nthread=1) for each in batch]
    answers = [model.predict(each, validate_features=False) for each in matrices]
    return [PredictionResult(*both) for both in zip(batch, answers, strict=True)]


def main(rows_file: str, rows: int, chunk: int) -> None:
    """Predict so many rows of a .npy file, a chunk an element."""
    known = np.load(rows_file)
    chunks = [known[start : start + chunk] for start in range(0, len(known), chunk)]
    elements = [chunks[nth % len(chunks)] for nth in range(rows // chunk)]
    handler = XGBoostModelHandlerNumpy(
        model_class=xgboost.Booster, model_state=str(MODEL), inference_fn=predictions
    )
    inference = RunInference(handler)
    begin = time.perf_counter()
    with beam.Pipeline(runner="DirectRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create(elements, reshuffle=False)
            | inference
            | beam.Map(lambda each: each.inference)
        )
    seconds = time.perf_counter() - begin
    sys.stdout.write(json.dumps({"rows": len(elements) * chunk, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
