"""FeatureSample: some predictions carry their features, and each those of its own reading."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from rookery.schemas.contract.default import default_compiled
from rookery.schemas.prediction import Prediction
from rookery.schemas.reading import Reading
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.decoding.message import decode_message, feature_matrix
from rookery.worker.encoding.feature_sample import sample_features
from rookery.worker.encoding.lines import EncodedLines
from rookery.worker.inference.bisection import BatchResult, classify
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.observability.observer import BatchPart
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rookery.schemas.envelope import Envelope
    from rookery.worker.decoding.message import DecodedMessage
    from tests.worker.conftest import House

CLASSIFIER = load(SHIPPED)
EMPEROR = {"bill_length_mm": 81.0, "bill_depth_mm": 30.0, "flipper_length_mm": 340, "body_mass_g": 33000}


def sampled(
    works: list[DecodedMessage], result: BatchResult, most: int, *, first_ones: bool = True
) -> list[list[object]]:
    """The features of each line, message by message."""
    lines = [
        EncodedLines(
            [b'{"nth":%d}\n' % nth for nth in range(work.usable) if first + nth not in result.failed_rows]
        )
        for work, first in zip(works, starts(works), strict=True)
    ]
    part = BatchPart(works, feature_matrix(works, default_compiled()), result, lines)
    sample_features(part, most=most, first_ones=first_ones)
    return [[json.loads(line).get("features") for line in each.predictions] for each in lines]


def starts(works: list[DecodedMessage]) -> list[int]:
    return [sum(work.usable for work in works[:nth]) for nth in range(len(works))]


def test_the_first_readings_of_a_batch_are_sampled_and_every_outlier(
    envelope: Callable[..., Envelope],
) -> None:
    """Singles and tables alike; a batch has one allowance."""
    penguins = ReadingFactory(1)
    alone = penguins.reading()
    table = penguins.table(5)
    payloads = [alone.model_dump_json(), table.model_dump_json(), json.dumps(EMPEROR)]
    works = [decode_message(envelope(each.encode()), default_compiled(), kept=True) for each in payloads]
    found = sampled(works, classify(CLASSIFIER, feature_matrix(works, default_compiled())), most=3)
    assert [[each is not None for each in work] for work in found] == [
        [True],
        [True, True, False, False, False],
        [True],
    ]
    assert Reading.model_validate(found[0][0]) == alone
    assert found[1][1] == {name: getattr(table, name)[1] for name in found[1][1]}  # type: ignore[attr-defined]
    assert found[2][0] == {**EMPEROR, "year": None, "sex": None, "island": None}


def test_between_intervals_only_outliers_are_sampled(envelope: Callable[..., Envelope]) -> None:
    """Outliers are shown however many batches there are a second."""
    payloads = [ReadingFactory(1).reading().model_dump_json(), json.dumps(EMPEROR)]
    works = [decode_message(envelope(each.encode()), default_compiled(), kept=True) for each in payloads]
    found = sampled(
        works, classify(CLASSIFIER, feature_matrix(works, default_compiled())), most=3, first_ones=False
    )
    assert [[each is not None for each in work] for work in found] == [[False], [True]]


async def test_batches_right_after_each_other_do_not_all_repeat_their_first_ones(
    build: Callable[..., House], envelope: Callable[..., Envelope]
) -> None:
    """Time moves on before the next ones are repeated; a worker's clock that stands still repeats one batch's."""
    house = build(feature_sample_rows=2)
    for nth in range(3):
        await house.pipeline.accept(envelope(ReadingFactory(nth).reading().model_dump_json().encode()))
    assert ["features" in line for line in house.predictions] == [True, False, False]


def test_a_failed_row_shifts_no_other_row(envelope: Callable[..., Envelope]) -> None:
    """A failed row has no line: those behind it still carry the features of their own reading."""
    table = ReadingFactory(2).table(4)
    works = [decode_message(envelope(table.model_dump_json().encode()), default_compiled(), kept=True)]
    rows = feature_matrix(works, default_compiled())
    good = classify(CLASSIFIER, rows)
    (_, run) = good.runs[0]
    first, rest = (classify(CLASSIFIER, part).runs[0][1] for part in (rows[:1], rows[2:]))
    assert len(run.label_indices) == 4
    (found,) = sampled(works, BatchResult(runs=[(0, first), (2, rest)], failed_rows={1: "failed"}), most=9)
    lengths = table.bill_length_mm or []
    assert [each["bill_length_mm"] for each in found] == [lengths[0], lengths[2], lengths[3]]  # type: ignore[index]


@pytest.mark.parametrize("most", [0, 2])
async def test_predictions_stay_whole_lines(tmp_path: Path, most: int) -> None:
    """Each line is a prediction, with features or without; with 0 none has any."""
    sinks = {"results": f"file://{tmp_path}/results", "rejects": f"file://{tmp_path}/rejects"}
    table = ReadingFactory(3).table(4)
    async with (
        running(Settings(port=0, feature_sample_rows=most, **sinks)) as address,
        aiohttp.ClientSession(address) as client,
        client.post("/predict", data=table.model_dump_json()) as answer,
    ):
        lines = (await answer.json())["predictions"]
    reported = [Prediction.model_validate_json(json.dumps(line)) for line in lines]
    assert sum(each.features is not None for each in reported) >= most
    assert [each.features is not None for each in reported][:most] == [True] * most
    if not most:
        assert not any("features" in line for line in lines)
