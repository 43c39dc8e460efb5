"""Work: one message as the worker sees it, its usable readings beside its refused ones."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast, overload

import numpy as np

from schemas.codec import SCHEMA_ATTRIBUTE, Refused, decode_fields, decode_valid, peek_identity, select
from schemas.features import columns_matrix, fields_matrix
from schemas.identity import identity
from schemas.rejection import Reason, Unusable, shortened
from worker.columns import WORTH_BYTES, Columns, columns
from worker.priority import step_aside
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

INSPECTED_BYTES: Final = 2_048
"""Bytes of an invalid payload that are inspected on the event loop, in a millisecond or so."""

_LINE_BYTES: Final = 512
_REASON_BYTES: Final = 128
"""About what the line of a rejection takes beside its original, and what each of its reasons does."""


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

    refused_bytes: int = 0
    """About how many bytes the lines of its rejections take."""

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
        """What each answer is known by, usable readings first; what was refused also by what came, for it may be fixed."""
        envelope, readings = self.envelope, self.readings
        if type(readings) is dict and not self.refused:
            return [readings.get("reading_id") or envelope.identity]
        message = envelope.identity
        refused = [_refused_key(message, each) for each in self.refused]
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


def _refused_key(message: str, refused: Refused) -> str:
    """Short, whatever came, for keys are remembered for minutes; no reading can be named like this."""
    came = f"{identity(refused.reading_id, message, refused.row)}\n{refused.original}"
    return "\n" + hashlib.blake2b(came.encode(), digest_size=16).hexdigest()


def read(envelope: Envelope, *, kept: bool = True) -> Work:
    """Decode a message; whatever is wrong with it is in `refused`, with the reasons."""
    return _read(envelope, kept=kept, longest=None)


def read_inline(envelope: Envelope, *, kept: bool = True) -> Work | None:
    """Decode a message on the event loop; None where something in it is wrong, and what would take long to find out."""
    return _read(envelope, kept=kept, longest=INSPECTED_BYTES)


@overload
def _read(envelope: Envelope, *, kept: bool, longest: None) -> Work: ...
@overload
def _read(envelope: Envelope, *, kept: bool, longest: int) -> Work | None: ...
def _read(envelope: Envelope, *, kept: bool, longest: int | None) -> Work | None:
    version = envelope.attributes.get(SCHEMA_ATTRIBUTE)
    try:
        payload = envelope.payload
        if len(payload) >= WORTH_BYTES and (table := columns(payload, version=version)) is not None:
            return Work(envelope, table, range(len(table.matrix)), (), kept)
        if longest is None or len(payload) <= longest:
            decoded = decode_fields(payload, version=version, pause=step_aside)
        elif (valid := decode_valid(payload, version=version)) is not None:
            decoded = valid
        else:
            return None
    except Unusable as unusable:
        return _unusable(envelope, unusable, kept=kept)
    except Exception as error:
        # Decoding is pure: what breaks it now would break it with every delivery.
        log.exception("decoding a message broke")
        broken = Unusable(
            Reason(field="reading", rule=shortened(f"it cannot be decoded: {type(error).__name__}: {error}"))
        )
        return _unusable(envelope, broken, kept=kept)
    if isinstance(decoded, dict):
        return Work(envelope, decoded, NOTHING, (), kept)
    refused = decoded.refused
    return Work(envelope, decoded.table, decoded.positions, refused, kept, refused_bytes=_bytes_of(refused))


def _unusable(envelope: Envelope, unusable: Unusable, *, kept: bool) -> Work:
    refused = (_refused(envelope, unusable),)
    return Work(envelope, None, NOTHING, refused, kept, refused_bytes=_bytes_of(refused))


def _refused(envelope: Envelope, unusable: Unusable) -> Refused:
    names = unusable.names
    if names is None:
        try:
            names = peek_identity(envelope.payload)
        except Unusable:
            names = None, None
    reading_id, device_id = names
    return Refused(
        reasons=unusable.reasons, original=envelope.original, reading_id=reading_id, device_id=device_id
    )


def _bytes_of(refused: Sequence[Refused]) -> int:
    return sum(len(each.original) + _LINE_BYTES + _REASON_BYTES * len(each.reasons) for each in refused)


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
