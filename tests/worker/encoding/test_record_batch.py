"""RecordBatch: tables that are written together say what each would say in lines of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from rookery.schemas.contract.default import default_compiled
from rookery.schemas.testing import ReadingFactory
from rookery.worker.decoding.message import feature_matrix
from rookery.worker.encoding.feature_sample import sample_features
from rookery.worker.encoding.fixed_width import chained
from rookery.worker.encoding.lines import encode_lines
from rookery.worker.encoding.parquet_files import parquet_files
from rookery.worker.inference.bisection import BatchResult
from rookery.worker.observability.observer import BatchPart
from tests.worker.encoding.test_table_lines import AT, ROWS, answers, said, work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.worker.decoding.message import DecodedMessage
    from rookery.worker.inference.classifier import Predictions


def tables() -> list[DecodedMessage]:
    """A table whose rows have ids, one without, one with gaps that was sent at another time, and one of a known message."""
    gaps = ReadingFactory(8).table(ROWS)
    sexes = ["male" if nth % 3 else None for nth in range(ROWS)]
    return [
        work(ReadingFactory(6).table(ROWS, prefix="own"), "m1"),
        work(ReadingFactory(7).table(ROWS + 9), "m2", None),
        work(gaps.model_copy(update={"sex": sexes}), "m3", AT - timedelta(seconds=1)),
        work(ReadingFactory(9).table(ROWS), "m2").subset(range(1, ROWS)),
    ]


def part(works: Sequence[DecodedMessage], run: Predictions, *, columnar: bool, featured: int) -> list[Any]:
    """The predictions of tables by one model, the first of them with features."""
    rows = feature_matrix(works, default_compiled())
    result = BatchResult(runs=[(0, run)])
    lines = encode_lines(works, rows, result, at=AT, revision="r", columnar=columnar)
    sample_features(BatchPart(works, rows, result, [*lines]), most=featured)
    return [each.predictions for each in lines]


def all_of(*, columnar: bool, featured: int) -> list[Any]:
    """Two models answer: one says what is out of distribution, the other cannot."""
    works = tables()
    first, second = works[:2], works[2:]
    other = replace(
        answers(sum(each.usable for each in second), 2), out_of_distribution=None, model="model 2"
    )
    return [
        *part(first, answers(sum(each.usable for each in first), 1), columnar=columnar, featured=featured),
        *part(second, other, columnar=columnar, featured=0),
    ]


@pytest.mark.parametrize("featured", [0, 3, 10_000])
def test_tables_that_are_written_together_say_what_their_lines_say(featured: int) -> None:
    """Ids, times, gaps, models and features are those of each table, in order, whatever the others have."""
    (content,) = parquet_files(chained(all_of(columnar=True, featured=featured)))
    table = parquet.read_table(pa.BufferReader(content))
    expected = [line for lines in all_of(columnar=False, featured=featured) for line in said(lines)]
    found = table.to_pylist()
    assert len(found) == len(expected) == 4 * ROWS + 8
    for one, line in zip(found, expected, strict=True):
        for name in ("published_at", "predicted_at", "observed_at"):
            one[name] = one[name] and one[name].isoformat().replace("+00:00", "Z")
        assert one.pop("features") == line.pop("features", None)
        np.testing.assert_allclose(
            [*one.pop("probabilities").values()], [*line.pop("probabilities").values()]
        )
        assert one == line
