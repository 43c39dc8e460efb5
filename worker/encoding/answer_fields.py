"""Answer fields: what a model said of each reading, as the middle of its line, from the answer to `model`."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
import orjson

from rookery.worker.encoding.prediction_columns import DIGITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.worker.inference.bisection import BatchResult
    from rookery.worker.inference.classifier import Predictions


def prediction_fields(rows: NDArray[np.float32], result: BatchResult) -> list[str]:
    """The middle of each row's line, from its answer to `model`; empty where the model failed."""
    if len(result.runs) == 1 and not result.failed_rows:
        return run_fields(rows, result.runs[0][1])
    middles = [""] * len(rows)
    for first, run in result.runs:
        end = first + len(run.label_indices)
        middles[first:end] = run_fields(rows[first:end], run)
    return middles


def run_fields(rows: NDArray[np.float32], run: Predictions) -> list[str]:
    """Write all rows' numbers in one go and share them out; each row is then one format."""
    formats = _formats(run.contract)
    numbers = orjson.dumps(
        run.probabilities.astype(np.float64).round(DIGITS), option=orjson.OPT_SERIALIZE_NUMPY
    )
    shares = [row.split(",") for row in numbers[2:-2].decode().split("],[")]
    return [
        formats[winner] % (share[winner], *share, tail)
        for winner, share, tail in zip(run.label_indices.tolist(), shares, _tails(rows, run), strict=True)
    ]


@lru_cache(maxsize=4)
def _formats(contract: CompiledContract) -> list[str]:
    """The middle of a line for each label as the answer."""
    described = contract.contract
    # A label may be any text, and a format takes its percent signs for places.
    target, *names = (json_text(each).replace("%", "%%") for each in (described.target, *described.labels))
    if described.labels_are_columns:
        among = "{" + ",".join([f"{name}:%s" for name in names]) + "}"
    else:
        among = "[" + ",".join([f'{{"label":{name},"share":%s}}' for name in names]) + "]"
    return [f'{target}:{name},"probability":%s,"probabilities":{among},%s' for name in names]


def _tails(rows: NDArray[np.float32], run: Predictions) -> list[str]:
    """Write `out_of_distribution`, `missing` and `model`: few different ones, so each is written once a batch."""
    # NaN is the largest of all, and one missing feature makes it.
    if not math.isnan(np.maximum.reduce(rows, axis=None)):
        tails = [_tail(run, outlier=False)] * len(rows)
        for nth in run.ood_rows:
            tails[nth] = _tail(run, outlier=True)
        return tails
    far = run.out_of_distribution
    # A byte a feature, whatever their number: what a row lacks is the key itself.
    lacking = np.isnan(rows).view(f"V{rows.shape[1]}")[:, 0].tolist()
    kinds = [*zip(lacking, (False,) * len(rows) if far is None else far.tolist(), strict=True)]
    written = {kind: _tail(run, outlier=kind[1], lacking=kind[0]) for kind in set(kinds)}
    return [written[kind] for kind in kinds]


def _tail(run: Predictions, *, outlier: bool, lacking: bytes = b"") -> str:
    said = "null" if run.out_of_distribution is None else "true" if outlier else "false"
    missing = json_text([*compress(run.contract.names, lacking)]) if lacking else "[]"
    return f'"out_of_distribution":{said},"missing":{missing},"model":{json_text(run.model)}'


def json_text(value: object) -> str:
    """Write a value as JSON, a time in UTC with a Z."""
    return orjson.dumps(value, None, orjson.OPT_UTC_Z).decode()
