"""EncodedLines: answers as the lines of predictions and rejections."""

from __future__ import annotations

import math
from functools import cache, lru_cache, partial
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
from msgspec import Struct

from rookery.schemas.identity import identity
from rookery.worker.decoding.reading_reader import DecodedReading
from rookery.worker.encoding.answer_texts import AnswerTexts, TablePredictions, UnevenWidthError
from rookery.worker.encoding.contract_lines import ContractLines
from rookery.worker.encoding.prediction_columns import DIGITS, PredictionColumns
from rookery.worker.encoding.rejection_lines import failed, rejections
from rookery.worker.encoding.table_lines import LEAST_ROWS, Message, table_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.envelope import Envelope
    from rookery.worker.decoding.message import DecodedMessage
    from rookery.worker.encoding.rejection_lines import Reasons
    from rookery.worker.inference.bisection import BatchResult
    from rookery.worker.inference.classifier import Predictions


# A Struct, as one is made for every message: a dataclass takes three times as long.
class EncodedLines(Struct):
    """The answers to one message's readings: each a line of JSON with its newline."""

    predictions: Sequence[bytes] = ()
    rejections: Sequence[bytes] = ()
    reasons: Reasons = ()
    """How often the rejections name each field and rule, without a sender's own words."""

    contract: CompiledContract | None = None
    """That of the model which answered, where predictions become columns."""


def encode_lines(  # noqa: PLR0913  each is a fact of the batch
    works: Sequence[DecodedMessage],
    rows: NDArray[np.float32],
    result: BatchResult,
    *,
    at: datetime,
    revision: str,
    columnar: bool = False,
) -> list[EncodedLines]:
    """Write every answer, message by message; what the model fails on becomes a rejection.

    With `columnar` the predictions of large tables are columns, of which lines are made where one is asked for.
    """
    stamp = _Stamp(at, revision, f',"predicted_at":{_json(at)}}}\n')
    even = _even(works, rows, result, stamp, columnar=columnar)
    if len(even) == len(works):
        return [*even.values()]
    middles = _prediction_fields(rows, result)
    plain = not result.failed_rows
    rendered = []
    first = 0
    for nth, work in enumerate(works):
        readings = work.readings
        if plain and isinstance(readings, DecodedReading) and not work.refused:
            rendered.append(EncodedLines((_single(work.envelope, readings, middles[first], stamp),)))
            first += 1
            continue
        end = first + work.usable
        if nth in even:
            rendered.append(even[nth])
        else:
            failures = {row - first: why for row, why in result.failed_rows.items() if first <= row < end}
            rendered.append(_many(work, middles[first:end], failures, stamp))
        first = end
    return rendered


class _Stamp(Struct, frozen=True):
    """The fields that all lines of a batch share: time, revision, and the end of a prediction's line."""

    at: datetime
    revision: str
    end: str


def _even(
    works: Sequence[DecodedMessage],
    rows: NDArray[np.float32],
    result: BatchResult,
    stamp: _Stamp,
    *,
    columnar: bool,
) -> dict[int, EncodedLines]:
    """Write the large tables of a batch by columns, by their places in it; the others are written line by line."""
    if len(rows) < LEAST_ROWS or result.failed_rows or len(result.runs) != 1:
        return {}
    run = result.runs[0][1]
    texts = cache(partial(_answer_texts, rows, run))
    written = {}
    first = 0
    for nth, work in enumerate(works):
        end = first + work.usable
        part = slice(first, end)
        if work.usable < LEAST_ROWS:
            lines = None
        elif columnar and work.kept:
            lines = _columns(work, rows[part], run.subset(part), stamp)
        else:
            lines = _table(work, texts(), part, stamp)
        if lines:
            written[nth] = lines
        first = end
    return written


def _answer_texts(rows: NDArray[np.float32], run: Predictions) -> AnswerTexts | None:
    return AnswerTexts.of(TablePredictions(run, np.isnan(rows)))


def _table(
    work: DecodedMessage, answers: AnswerTexts | None, part: slice, stamp: _Stamp
) -> EncodedLines | None:
    """Write a table's lines by columns, with its part of the answers; None where that cannot be."""
    readings = work.readings
    if answers is None or readings is None or isinstance(readings, DecodedReading):
        return None
    envelope = work.envelope
    end = f',"published_at":{_json(envelope.published_at)}{stamp.end}'.encode()
    message = Message(envelope.message_id, envelope.identity)
    try:
        lines = table_lines(readings, work.positions, answers.part(part), message=message, end=end)
    except UnevenWidthError:
        return None
    return EncodedLines(lines, *rejections(work, work.refused, at=stamp.at, revision=stamp.revision))


def _columns(
    work: DecodedMessage, rows: NDArray[np.float32], run: Predictions, stamp: _Stamp
) -> EncodedLines | None:
    readings = work.readings
    if readings is None or isinstance(readings, DecodedReading):
        return None

    def render() -> Sequence[bytes]:
        encoded = _table(work, _answer_texts(rows, run), slice(None), stamp)
        encoded = encoded or _many(work, _run_fields(rows, run), {}, stamp)
        return encoded.predictions

    columns = PredictionColumns(
        readings,
        np.asarray(work.positions),
        TablePredictions(run, np.isnan(rows)),
        Message(work.envelope.message_id, work.envelope.identity),
        work.envelope.published_at,
        stamp.at,
    )
    lines = ContractLines(run.contract, render, columns)
    return EncodedLines(lines, *rejections(work, work.refused, at=stamp.at, revision=stamp.revision))


def _many(
    work: DecodedMessage, middles: Sequence[str], failures: Mapping[int, str], stamp: _Stamp
) -> EncodedLines:
    """Write the answers of a table, or of a message with refused readings; `failures` are positions among its readings."""
    chosen: Sequence[int] = range(len(middles))
    if failures:
        chosen = [nth for nth in chosen if nth not in failures]
        middles = [middles[nth] for nth in chosen]
    refused = (*work.refused, *failed(work, failures))
    end = f',"published_at":{_json(work.envelope.published_at)}{stamp.end}'
    return EncodedLines(
        [
            f"{who}{middle}{end}".encode()
            for who, middle in zip(_identity_fields(work, chosen), middles, strict=True)
        ],
        *rejections(work, refused, at=stamp.at, revision=stamp.revision),
    )


def _json(value: object) -> str:
    return orjson.dumps(value, None, orjson.OPT_UTC_Z).decode()


def _text(value: str) -> str:
    """Write a text; letters and digits, as Pub/Sub's own ids are, need no look at each."""
    return f'"{value}"' if value.isalnum() else _json(value)


def _prediction_fields(rows: NDArray[np.float32], result: BatchResult) -> list[str]:
    """The middle of each row's line, from its answer to `model`; empty where the model failed."""
    if len(result.runs) == 1 and not result.failed_rows:
        return _run_fields(rows, result.runs[0][1])
    middles = [""] * len(rows)
    for first, run in result.runs:
        end = first + len(run.label_indices)
        middles[first:end] = _run_fields(rows[first:end], run)
    return middles


def _run_fields(rows: NDArray[np.float32], run: Predictions) -> list[str]:
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
    target, *names = (_json(each).replace("%", "%%") for each in (described.target, *described.labels))
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
    missing = _json([*compress(run.contract.names, lacking)]) if lacking else "[]"
    return f'"out_of_distribution":{said},"missing":{missing},"model":{_json(run.model)}'


def _single(envelope: Envelope, reading: DecodedReading, middle: str, stamp: _Stamp) -> bytes:
    """Write the line of a reading that came alone."""
    message = _text(envelope.message_id)
    own, device, observed = reading.reading_id, reading.device_id, reading.observed_at
    # The identity adds only letters and digits to the message's id.
    named = _json(own) if own else f'{message[:-1]}{envelope.identity[len(envelope.message_id) :]}"'
    return (
        f'{{"reading_id":{named},"message_id":{message},"row":null,'
        f'"device_id":{_json(device) if device else "null"},"observed_at":{_json(observed) if observed else "null"},'
        f'{middle},"published_at":{_json(envelope.published_at)}{stamp.end}'
    ).encode()


def _identity_fields(work: DecodedMessage, chosen: Sequence[int]) -> list[str]:
    """Write the beginnings of the lines of some of a work's readings, from `reading_id` to `observed_at`."""
    readings = work.readings
    if readings is None or not chosen:
        return []
    identified = work.envelope.identity
    message = _json(work.envelope.message_id)
    rows: Sequence[int | None] = [None]
    if isinstance(readings, DecodedReading):
        columns = [[getattr(readings, name)] for name in _WHO]
    else:
        rows = [work.positions[nth] for nth in chosen]
        columns = [_chosen(getattr(readings, name), chosen) for name in _WHO]
    return [
        f'{{"reading_id":{_json(own or identity(None, identified, row))},"message_id":{message},'
        f'"row":{"null" if row is None else row},'
        f'"device_id":{_json(device) if device else "null"},"observed_at":{_json(time) if time else "null"},'
        for row, own, device, time in zip(rows, *columns, strict=True)
    ]


_WHO: Final = ("reading_id", "device_id", "observed_at")


def _chosen(column: list[Any] | None, chosen: Sequence[int]) -> list[Any]:
    if column is None:
        return [None] * len(chosen)
    return column if len(column) == len(chosen) else [column[nth] for nth in chosen]
