"""RejectionLines: what is refused, as lines; the lines of one message are not longer than a few times its bytes and rows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import orjson

from rookery.schemas.codec import InvalidPayload, encode, in_base64
from rookery.schemas.contract.feature import IDENTITY
from rookery.schemas.identity import identity
from rookery.schemas.rejection import MORE, Reason, shortened
from rookery.worker.decoding.reading_reader import DecodedReading
from rookery.worker.decoding.table import DecodedColumns
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.worker.decoding.message import DecodedMessage

    Reasons = Sequence[tuple[tuple[str, str], int]]
    """How often each field and rule is named."""

_OTHERS: Final = frozenset({*IDENTITY, "reading", "message", "model"})
"""Fields of reasons beside features."""

_AT_ONCE: Final = 128
"""Lines that are written without stepping aside: less than a millisecond's work."""


def rejections(
    work: DecodedMessage, refused: Sequence[InvalidPayload], *, at: datetime, revision: str
) -> tuple[list[bytes], Reasons]:
    """Write a line for each, the message's attributes in the first only; and count the reasons by field and rule."""
    lines: list[bytes] = []
    counts: Counter[tuple[str, str]] = Counter()
    envelope = work.envelope
    for each in refused:
        line = {
            "reasons": [
                {"field": reason.field, "rule": reason.rule, "value": reason.value} for reason in each.reasons
            ],
            "original": each.original,
            "reading_id": identity(each.reading_id, envelope.identity, each.row),
            "message_id": envelope.message_id,
            "row": each.row,
            "device_id": each.device_id,
            "published_at": envelope.published_at,
            "rejected_at": at,
            "delivery_attempt": envelope.delivery_attempt,
            "revision": revision,
            "attributes": None if lines else dict(envelope.attributes),
        }
        # Not with orjson's own newline: what it gives stands in four thousand bytes, ten times as many as are used.
        lines.append(orjson.dumps(line, option=orjson.OPT_UTC_Z) + b"\n")
        counts.update(_kind(reason, work.contract) for reason in each.reasons)
        if not len(lines) % _AT_ONCE:
            step_aside()
    return lines, tuple(counts.items())


def _kind(reason: Reason, contract: CompiledContract) -> tuple[str, str]:
    """A reason without a sender's own words and a parser's details, for each kind becomes a time series."""
    if reason.field == MORE:
        return "other", "and more"
    field = reason.field
    if field not in contract.types:
        # A feature's own name may have dots.
        field = field.partition(".")[0]
    known = field in contract.types or field in _OTHERS
    return field if known else "other", reason.rule.partition(":")[0]


def failed(work: DecodedMessage, why: Mapping[int, str]) -> Iterator[InvalidPayload]:
    """Readings that passed every check and still cannot be answered: what the model said of each, by its place."""
    readings = work.readings
    if isinstance(readings, DecodedColumns):
        readings = readings.table() if why else None
    for nth, said in why.items():
        if readings is None:
            raise IndexError(nth)
        single = isinstance(readings, DecodedReading)
        alone = (
            work.contract.reading.model_construct(**readings.fields())
            if isinstance(readings, DecodedReading)
            else readings.row(nth)
        )
        yield InvalidPayload(
            reasons=(Reason(field="model", rule=f"the model fails on this reading: {shortened(said)}"),),
            original=in_base64(encode(alone)),
            row=None if single else work.positions[nth],
            reading_id=alone.reading_id,
            device_id=alone.device_id,
        )
