"""Rendering: answers as the lines of predictions and rejections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import orjson

from schemas.codec import Refused, encode, identity, in_base64, row_of
from schemas.features import FEATURES
from schemas.reading import Reading
from schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from worker.classifier import Answers
    from worker.isolation import Isolated
    from worker.work import Work

_LINE: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
_MILLION: Final = 1_000_000
"""A probability has six digits after its point; a float32 holds about seven."""

Cell = TypeVar("Cell")

_BITS: Final = 1 << np.arange(len(FEATURES))


@dataclass(slots=True)
class Lines:
    """What one message's readings became: each a line of JSON with its newline."""

    predictions: list[bytes] = field(default_factory=list)
    rejections: list[bytes] = field(default_factory=list)


def render(
    works: Sequence[Work], rows: NDArray[np.float32], isolated: Isolated, *, at: datetime, revision: str
) -> list[Lines]:
    """Write every answer, message by message; what the model fails on becomes a rejection."""
    answers = _answers(rows, isolated)
    moment = _json(at)
    rendered = []
    row = 0
    for work in works:
        end = row + work.usable
        lines = Lines()
        if isolated.guilty and any(nth in isolated.guilty for nth in range(row, end)):
            good = [nth for nth in range(row, end) if nth not in isolated.guilty]
            lines.predictions = _predictions(
                work, [nth - row for nth in good], [answers[nth] for nth in good], moment
            )
            guilty = (
                _guilty(work, nth - row, isolated.guilty[nth])
                for nth in range(row, end)
                if nth in isolated.guilty
            )
            lines.rejections = [_rejection(work, each, at=at, revision=revision) for each in guilty]
        else:
            lines.predictions = _predictions(work, range(end - row), answers[row:end], moment)
        if work.refused:
            lines.rejections += [_rejection(work, each, at=at, revision=revision) for each in work.refused]
        rendered.append(lines)
        row = end
    return rendered


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


def _answers(rows: NDArray[np.float32], isolated: Isolated) -> list[str]:
    """What the model said of each row, as the middle of its line, from `species` to `model`; empty where it failed."""
    answers = [""] * len(rows)
    for first, run in isolated.runs:
        end = first + len(run.winners)
        answers[first:end] = _middles(rows[first:end], run)
    return answers


def _middles(rows: NDArray[np.float32], run: Answers) -> Iterable[str]:
    """Write by columns: digits by table, one format a row."""
    millionths = np.rint(run.probabilities.astype(np.float64) * _MILLION).astype(np.int64)
    columns = [_shares(column) for column in millionths.T]
    heads = [f'"species":{_json(label)},"probability":' for label in run.labels]
    names = [f"{',' if nth else ''}{_json(label)}:" for nth, label in enumerate(run.labels)]
    winners = run.winners.tolist()
    tails = _tails(rows, run)
    for nth, shares in enumerate(zip(*columns, strict=True)):
        winner = winners[nth]
        among = "".join([name + share for name, share in zip(names, shares, strict=True)])
        yield f'{heads[winner]}{shares[winner]},"probabilities":{{{among}}},{tails[nth]}'


def _tails(rows: NDArray[np.float32], run: Answers) -> list[str]:
    """Write `out_of_distribution`, `missing` and `model`: few different ones, so each is written once a batch."""
    codes = (np.isnan(rows) @ _BITS) * 2 + run.out_of_distribution
    written = {
        code: f'"out_of_distribution":{"true" if code & 1 else "false"},"missing":{_json(_missing(code >> 1))},'
        f'"model":{_json(run.model)}'
        for code in set(codes.tolist())
    }
    return [written[code] for code in codes.tolist()]


def _missing(pattern: int) -> list[str]:
    return [name for nth, name in enumerate(FEATURES) if pattern >> nth & 1]


_THOUSAND: Final = np.array([f"{number:03d}" for number in range(1000)], dtype=object)
_UNITS: Final = np.array(["0.", "1."], dtype=object)


def _shares(millionths: NDArray[np.int64]) -> list[str]:
    """Write shares of a million as numbers with six digits."""
    texts: list[str] = (
        _UNITS[millionths // _MILLION] + _THOUSAND[millionths // 1000 % 1000] + _THOUSAND[millionths % 1000]
    ).tolist()
    return texts


def _predictions(work: Work, chosen: Sequence[int], middles: Sequence[str], moment: str) -> list[bytes]:
    """Write the lines of some of a work's readings, with what the model said of each."""
    end = f'"published_at":{_json(work.envelope.published_at)},"predicted_at":{moment}}}\n'
    return [f"{who}{middle},{end}".encode() for who, middle in zip(_whos(work, chosen), middles, strict=True)]


def _whos(work: Work, chosen: Sequence[int]) -> list[str]:
    """Write the beginnings of the lines of some of a work's readings, from `reading_id` to `observed_at`."""
    message_id = work.envelope.message_id
    message = _json(message_id)
    readings = work.readings
    if readings is None or not chosen:
        return []
    if isinstance(readings, dict):
        known = _json(readings.get("reading_id") or message_id)
        device, observed = _json(readings.get("device_id")), _json(readings.get("observed_at"))
        return [
            f'{{"reading_id":{known},"message_id":{message},"row":null,"device_id":{device},"observed_at":{observed},'
        ]
    rows = [work.positions[nth] for nth in chosen]
    named = _chosen(readings.reading_id, chosen)
    devices, times = _chosen(readings.device_id, chosen), _chosen(readings.observed_at, chosen)
    return [
        f'{{"reading_id":{_json(identity(own, message_id, row))},"message_id":{message},"row":{row},'
        f'"device_id":{_json(device) if device else "null"},"observed_at":{_json(time) if time else "null"},'
        for own, row, device, time in zip(named, rows, devices, times, strict=True)
    ]


def _chosen(column: Sequence[Cell | None] | None, chosen: Sequence[int]) -> Sequence[Cell | None]:
    return [None] * len(chosen) if column is None else [column[nth] for nth in chosen]


def _rejection(work: Work, refused: Refused, *, at: datetime, revision: str) -> bytes:
    envelope = work.envelope
    line = {
        "reasons": [each.model_dump() for each in refused.reasons],
        "original": refused.original,
        "reading_id": identity(refused.reading_id, envelope.message_id, refused.row),
        "message_id": envelope.message_id,
        "row": refused.row,
        "device_id": refused.device_id,
        "published_at": envelope.published_at,
        "rejected_at": at,
        "delivery_attempt": envelope.delivery_attempt,
        "revision": revision,
        "attributes": dict(envelope.attributes),
    }
    return orjson.dumps(line, option=_LINE)


def _guilty(work: Work, nth: int, why: str) -> Refused:
    """A reading that passed every check and still cannot be answered."""
    readings = work.readings
    if readings is None:
        raise IndexError(nth)
    alone = Reading.model_construct(**readings) if isinstance(readings, dict) else row_of(readings, nth)
    return Refused(
        reasons=(Reason(field="model", rule=f"the model fails on this reading: {why}"),),
        original=in_base64(encode(alone)),
        row=None if isinstance(readings, dict) else work.positions[nth],
        reading_id=alone.reading_id,
        device_id=alone.device_id,
    )
