"""Echo: some predictions of each batch repeat the reading that they answer, for pages and statistics."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import orjson

from rookery.schemas.features import FEATURES
from rookery.worker.decoding.table import DecodedColumns
from rookery.worker.encoding.fixed_width import FixedWidthLines
from rookery.worker.errors import RetryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rookery.worker.decoding.message import DecodedMessage
    from rookery.worker.encoding.lines import EncodedLines
    from rookery.worker.inference.bisection import BatchResult


EVERY: Final = timedelta(milliseconds=20)
"""How often the first ones of a batch are repeated; a page has enough of fifty batches a second."""


def echo(
    works: Sequence[DecodedMessage],
    lines: Sequence[EncodedLines | RetryError],
    isolated: BatchResult,
    *,
    most: int,
    first_ones: bool = True,
) -> None:
    """Add `features`, in place, to up to `most` predictions of a batch that are unlike any known bird.

    With `first_ones` to the first `most` of all besides.
    """
    wanted = _wanted(isolated, most, first_ones=first_ones)
    first = 0
    for work, answered in zip(works, lines, strict=True):
        if not wanted or isinstance(answered, RetryError):
            return
        end = first + work.usable
        if wanted[-1] < end:
            own: set[int] = set()
            while wanted and wanted[-1] < end:
                own.add(wanted.pop() - first)
            answered.predictions = _echoed(work, answered.predictions, own, first, isolated)
        first = end


def _wanted(isolated: BatchResult, most: int, *, first_ones: bool) -> list[int]:
    """The rows of the batch that are repeated, the first one last; what the model failed on has no prediction."""
    wanted: list[int] = []
    strange: list[int] = []
    for first, run in isolated.runs:
        if first_ones:
            wanted += range(first, first + min(len(run.winners), most - len(wanted)))
        strange += [first + nth for nth in run.unlike[: most - len(strange)]]
    return sorted({*wanted, *strange}, reverse=True)


def _echoed(
    work: DecodedMessage, predictions: Sequence[bytes], own: set[int], first: int, isolated: BatchResult
) -> Sequence[bytes]:
    """A work's lines, those of its readings `own` with their features."""
    if isinstance(predictions, FixedWidthLines):
        # All of a work's readings have such lines, or none.
        return predictions.with_others({nth: _with(predictions[nth], _features(work, nth)) for nth in own})
    if len(predictions) == 1 == work.usable:
        return [_with(predictions[0], _features(work, 0))]
    # Copied in one step and changed in few places: this runs on the event loop, however long the table is.
    lines = list(predictions)
    for nth in own:
        place = nth - sum(first <= row < first + nth for row in isolated.guilty)
        lines[place] = _with(lines[place], _features(work, nth))
    return lines


def _with(line: bytes, features: Mapping[str, object]) -> bytes:
    return line[:-2] + b',"features":' + orjson.dumps(features) + b"}\n"


def _features(work: DecodedMessage, nth: int) -> Mapping[str, object]:
    readings = work.readings
    if isinstance(readings, dict):
        return {name: readings.get(name) for name in FEATURES}
    if isinstance(readings, DecodedColumns):
        return readings.features(nth)
    columns = {name: getattr(readings, name) for name in FEATURES}
    return {name: column[nth] if column is not None else None for name, column in columns.items()}
