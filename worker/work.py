"""Work: one message as the worker sees it, its usable readings beside its refused ones."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from schemas.codec import SCHEMA_ATTRIBUTE, Refused, decode_fields, peek_identity, select
from schemas.features import columns_matrix, fields_matrix
from schemas.identity import identity
from schemas.rejection import Reason, Unusable
from worker.columns import WORTH_BYTES, Columns, columns
from worker.table_keys import TableKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from schemas.envelope import Envelope
    from schemas.reading import Fields
    from schemas.table import ReadingTable
    from worker.errors import Retry

log: Final = logging.getLogger(__name__)

NOTHING: Final[tuple[()]] = ()


# Not frozen, as one is made for every push: freezing costs as much as finding the bird's species.
@dataclass(slots=True)
class Work:
    """One message: `readings` are its usable ones (None if there is none), `positions` their rows in a table.

    `kept` says whether the answers become durable (push) or are only given back (predict).
    """

    envelope: Envelope
    readings: Fields | ReadingTable | Columns | None
    positions: Sequence[int]
    refused: tuple[Refused, ...]
    kept: bool
    partial: bool = False
    """Whether some of the message's readings are answered for elsewhere."""

    keys: Sequence[str] = NOTHING
    """What each answer is known by while it is under way, where it is kept."""

    told: Callable[[Retry | None], None] | None = None
    """Who is told once the answers are durable (None), or why the message must come again."""

    @property
    def usable(self) -> int:
        """The number of readings to classify."""
        return 1 if type(self.readings) is dict else len(self.positions)

    @property
    def rows(self) -> int:
        """The number of answers that this message gets."""
        return (1 if type(self.readings) is dict else len(self.positions)) + len(self.refused)

    def identities(self) -> Sequence[str]:
        """What each answer is known by, usable readings first; what was refused also by what came, for it may be mended."""
        envelope, readings = self.envelope, self.readings
        if type(readings) is dict and not self.refused:
            return [readings.get("reading_id") or envelope.identity]
        message = envelope.identity
        refused = [
            f"{identity(each.reading_id, message, each.row)}\n{_digest(each.original)}"
            for each in self.refused
        ]
        if readings is None:
            return refused
        if isinstance(readings, Columns) and readings.reading_id is None:
            # Such a table is whole: nothing of it is refused.
            return TableKeys(message, len(self.positions))
        if isinstance(readings, dict):
            return [readings.get("reading_id") or message, *refused]
        named = readings.reading_id or [None] * len(self.positions)
        if None not in named:
            return [*cast("list[str]", named), *refused]
        return [
            *(identity(own, message, row) for own, row in zip(named, self.positions, strict=True)),
            *refused,
        ]

    def only(self, answers: Sequence[int]) -> Work:
        """Keep some of the answers, by their places among `identities()`."""
        usable = [nth for nth in answers if nth < self.usable]
        refused = tuple(self.refused[nth - self.usable] for nth in answers if nth >= self.usable)
        readings = self.readings
        if not usable:
            return replace(self, readings=None, positions=NOTHING, refused=refused, partial=True)
        if readings is None or isinstance(readings, dict):
            return replace(self, refused=refused, partial=True)
        if isinstance(readings, Columns):
            readings = readings.table()
        positions = [self.positions[nth] for nth in usable]
        return replace(
            self, readings=select(readings, usable), positions=positions, refused=refused, partial=True
        )


def _digest(original: str) -> str:
    return hashlib.blake2b(original.encode(), digest_size=16).hexdigest()


def read(envelope: Envelope, *, kept: bool = True) -> Work:
    """Decode a message; whatever is wrong with it is in `refused`, with every reason."""
    version = envelope.attributes.get(SCHEMA_ATTRIBUTE)
    try:
        payload = envelope.payload
        if len(payload) >= WORTH_BYTES and (table := columns(payload, version=version)) is not None:
            return Work(envelope, table, range(len(table.matrix)), (), kept)
        decoded = decode_fields(payload, version=version)
    except Unusable as unusable:
        return _unusable(envelope, unusable, kept=kept)
    except Exception as error:
        # Decoding is pure: what breaks it now would break it with every delivery.
        log.exception("decoding a message broke")
        broken = Unusable(
            Reason(field="reading", rule=f"it cannot be decoded: {type(error).__name__}: {error}")
        )
        return _unusable(envelope, broken, kept=kept)
    if isinstance(decoded, dict):
        return Work(envelope, decoded, NOTHING, (), kept)
    return Work(
        envelope=envelope,
        readings=decoded.table,
        positions=decoded.positions,
        refused=decoded.refused,
        kept=kept,
    )


def _unusable(envelope: Envelope, unusable: Unusable, *, kept: bool) -> Work:
    refused = _refused(envelope, unusable)
    return Work(envelope=envelope, readings=None, positions=NOTHING, refused=(refused,), kept=kept)


def _refused(envelope: Envelope, unusable: Unusable) -> Refused:
    try:
        reading_id, device_id = peek_identity(envelope.payload)
    except Unusable:
        reading_id = device_id = None
    return Refused(
        reasons=unusable.reasons, original=envelope.original, reading_id=reading_id, device_id=device_id
    )


def encoded(works: Sequence[Work]) -> NDArray[np.float32]:
    """Encode all usable readings as one float32 matrix of shape (readings, features), in the order of the works."""
    blocks: list[NDArray[np.float32]] = []
    singles: list[Fields] = []
    for work in works:
        if isinstance(work.readings, dict):
            singles.append(work.readings)
        elif work.readings is not None:
            if singles:
                blocks.append(fields_matrix(singles))
                singles = []
            blocks.append(_block(work.readings, len(work.positions)))
    if singles or not blocks:
        blocks.append(fields_matrix(singles))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _block(readings: ReadingTable | Columns, rows: int) -> NDArray[np.float32]:
    return readings.matrix if isinstance(readings, Columns) else columns_matrix(readings.__dict__, rows)
