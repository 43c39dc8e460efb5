"""FeatureSample: some predictions of each batch carry the features that they answer, for pages and statistics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import orjson

from rookery.worker.decoding.reading_reader import DecodedReading
from rookery.worker.decoding.table import DecodedColumns
from rookery.worker.encoding.contract_lines import ContractLines
from rookery.worker.encoding.fixed_width import FixedWidthLines
from rookery.worker.errors import RetryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rookery.worker.decoding.message import DecodedMessage
    from rookery.worker.inference.bisection import BatchResult
    from rookery.worker.observability.observer import BatchPart


INTERVAL: Final = timedelta(milliseconds=20)
"""Least time between two batches whose first readings are sampled; a page has enough of fifty batches a second."""


class FeatureSample:
    """Adds `features`, in place, to up to `rows` predictions that are out of distribution, in each batch.

    Once in an interval the first `rows` predictions of a batch get theirs, too.
    """

    def __init__(self, rows: int) -> None:
        """Store how many readings of a batch are sampled."""
        self._rows = rows
        self._due = datetime.min.replace(tzinfo=UTC)

    def add(self, parts: Sequence[BatchPart], at: datetime) -> None:
        """Add features to lines of a batch that was classified `at` this time."""
        first_ones = at >= self._due
        if first_ones:
            self._due = at + INTERVAL
        for part in parts:
            sample_features(part, most=self._rows, first_ones=first_ones)


def sample_features(part: BatchPart, *, most: int, first_ones: bool = True) -> None:
    """Add `features` to up to `most` predictions that are out of distribution; with `first_ones` to the first, too."""
    result = part.result
    wanted = _wanted(result, most, first_ones=first_ones)
    first = 0
    for message, lines in zip(part.messages, part.lines, strict=True):
        if not wanted or isinstance(lines, RetryError):
            return
        end = first + message.usable
        if wanted[-1] < end:
            own: set[int] = set()
            while wanted and wanted[-1] < end:
                own.add(wanted.pop() - first)
            lines.predictions = _sampled(message, lines.predictions, own, first, result)
        first = end


def _wanted(result: BatchResult, most: int, *, first_ones: bool) -> list[int]:
    """The sampled rows, in descending order; a row that the model failed on has no prediction."""
    wanted: list[int] = []
    outliers: list[int] = []
    for first, run in result.runs:
        if first_ones:
            wanted += range(first, first + min(len(run.label_indices), most - len(wanted)))
        outliers += [first + nth for nth in run.ood_rows[: most - len(outliers)]]
    return sorted({*wanted, *outliers}, reverse=True)


def _sampled(
    message: DecodedMessage, predictions: Sequence[bytes], own: set[int], first: int, result: BatchResult
) -> Sequence[bytes]:
    """The lines of a message, those of its readings `own` with their features."""
    if isinstance(predictions, ContractLines):
        return predictions.with_features(own, lambda lines: _sampled(message, lines, own, first, result))
    if isinstance(predictions, FixedWidthLines):
        # All of a message's readings have such lines, or none.
        return predictions.with_others({nth: _with(predictions[nth], _features(message, nth)) for nth in own})
    if len(predictions) == 1 == message.usable:
        return [_with(predictions[0], _features(message, 0))]
    # Copied in one step and changed in few places: this runs on the event loop, however long the table is.
    lines = list(predictions)
    for nth in own:
        place = nth - sum(first <= row < first + nth for row in result.failed_rows)
        lines[place] = _with(lines[place], _features(message, nth))
    return lines


def _with(line: bytes, features: Mapping[str, object]) -> bytes:
    return line[:-2] + b',"features":' + orjson.dumps(features) + b"}\n"


def _features(message: DecodedMessage, nth: int) -> Mapping[str, object]:
    readings = message.readings
    if isinstance(readings, DecodedReading):
        return readings.features()
    if isinstance(readings, DecodedColumns):
        return readings.features(nth)
    columns = {} if readings is None else readings.columns
    names = message.contract.names
    return {name: column[nth] if (column := columns.get(name)) is not None else None for name in names}
