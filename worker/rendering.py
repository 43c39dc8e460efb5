"""Rendering: answers as the lines of predictions and rejections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from schemas.codec import Refused, encode, identity, in_base64, row_of
from schemas.features import missing
from schemas.reading import Reading
from schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from worker.isolation import Isolated
    from worker.work import Work

_LINE: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
DIGITS: Final = 6
"""Digits of a probability; a float32 holds about seven."""


@dataclass(slots=True)
class Lines:
    """What one message's readings became: each a line of JSON with its newline."""

    predictions: list[bytes] = field(default_factory=list)
    rejections: list[bytes] = field(default_factory=list)


def render(
    works: Sequence[Work], rows: NDArray[np.float32], isolated: Isolated, *, at: datetime, revision: str
) -> list[Lines]:
    """Write every answer, message by message; a row that the model or the rendering fails on becomes a rejection."""
    answers = _answers(rows, isolated)
    rendered = []
    row = 0
    for work in works:
        lines = Lines()
        for refused in work.refused:
            lines.rejections.append(_rejection(work, refused, at=at, revision=revision))
        for nth in range(work.usable):
            answer = answers[row]
            try:
                if isinstance(answer, str):
                    raise ValueError(answer)  # noqa: TRY301, TRY004  the model's refusal ends as the rendering's would
                lines.predictions.append(_prediction(work, nth, answer, at=at))
            except (TypeError, ValueError) as error:
                lines.rejections.append(
                    _rejection(work, _guilty(work, nth, str(error)), at=at, revision=revision)
                )
            row += 1
        rendered.append(lines)
    return rendered


def _answers(rows: NDArray[np.float32], isolated: Isolated) -> list[dict[str, Any] | str]:
    """What the model said of each row: the fields of its prediction, or why it failed."""
    answers: list[dict[str, Any] | str] = [""] * len(rows)
    gappy: NDArray[np.bool_] = np.any(np.isnan(rows), axis=1)
    for first, run in isolated.runs:
        shares: list[list[float]] = np.round(run.probabilities.astype(np.float64), DIGITS).tolist()
        answered = zip(shares, run.winners.tolist(), run.out_of_distribution.tolist(), strict=True)
        for row, (share, winner, unlike) in enumerate(answered, start=first):
            answers[row] = {
                "species": run.labels[winner],
                "probability": share[winner],
                "probabilities": dict(zip(run.labels, share, strict=True)),
                "out_of_distribution": unlike,
                "missing": missing(rows[row].tolist()) if gappy[row] else (),
                "model": run.model,
            }
    for row, why in isolated.guilty.items():
        answers[row] = why
    return answers


def _prediction(work: Work, nth: int, answer: dict[str, Any], *, at: datetime) -> bytes:
    envelope = work.envelope
    row, reading_id, device_id, observed_at = _who(work, nth)
    line = {
        "reading_id": identity(reading_id, envelope.message_id, row),
        "message_id": envelope.message_id,
        "row": row,
        "device_id": device_id,
        "observed_at": observed_at,
        **answer,
        "published_at": envelope.published_at,
        "predicted_at": at,
    }
    return orjson.dumps(line, option=_LINE)


def _who(work: Work, nth: int) -> tuple[int | None, str | None, str | None, datetime | None]:
    """The nth usable reading's row, reading_id, device_id and observed_at."""
    readings = work.readings
    if isinstance(readings, Reading):
        return None, readings.reading_id, readings.device_id, readings.observed_at
    if readings is None:
        raise IndexError(nth)
    return (
        work.positions[nth],
        readings.reading_id[nth] if readings.reading_id is not None else None,
        readings.device_id[nth] if readings.device_id is not None else None,
        readings.observed_at[nth] if readings.observed_at is not None else None,
    )


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
    row, reading_id, device_id, _ = _who(work, nth)
    readings = work.readings
    if readings is None:
        raise IndexError(nth)
    alone = readings if isinstance(readings, Reading) else row_of(readings, nth)
    return Refused(
        reasons=(Reason(field="model", rule=f"the model fails on this reading: {why}"),),
        original=in_base64(encode(alone)),
        row=row,
        reading_id=reading_id,
        device_id=device_id,
    )
