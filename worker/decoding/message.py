"""DecodedMessage: one message as the worker sees it, its usable readings beside its refused ones."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast, overload

import numpy as np

from rookery.schemas.codec import (
    SCHEMA_ATTRIBUTE,
    InvalidPayload,
    decode_fields,
    decode_valid,
    peek_identity,
    select,
)
from rookery.schemas.features import columns_matrix, fields_matrix
from rookery.schemas.identity import identity
from rookery.schemas.rejection import Reason, UnusableReadingError, shortened
from rookery.worker.batching.table_keys import TableKeys
from rookery.worker.decoding.table import WORTH_BYTES, DecodedColumns, columns
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.envelope import Envelope
    from rookery.schemas.reading import Fields
    from rookery.schemas.table import ReadingTable
    from rookery.worker.errors import RetryError

log: Final = logging.getLogger(__name__)

NOTHING: Final[tuple[()]] = ()

INSPECTED_BYTES: Final = 2_048
"""Bytes of an invalid payload that are inspected on the event loop, in a millisecond or so."""

_LINE_BYTES: Final = 512
_REASON_BYTES: Final = 128
"""About what the line of a rejection takes beside its original, and what each of its reasons does."""


# Not frozen, as one is made for every push: freezing costs as much as finding the bird's species.
@dataclass(slots=True)
class DecodedMessage:
    """One message: `readings` are its usable ones (None if there is none), `positions` their rows in a table.

    `kept` says whether the answers become durable (push) or are only given back (predict).
    """

    envelope: Envelope
    readings: Fields | ReadingTable | DecodedColumns | None
    positions: Sequence[int]
    refused: tuple[InvalidPayload, ...]
    kept: bool
    partial: bool = False
    """Whether some of the message's readings are answered for elsewhere."""

    keys: Sequence[str] = NOTHING
    """What each answer is known by while it is under way, where it is kept."""

    refused_bytes: int = 0
    """About how many bytes the lines of its rejections take."""

    told: Callable[[RetryError | None], None] | None = None
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
        if isinstance(readings, DecodedColumns) and readings.reading_id is None:
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

    def only(self, answers: Sequence[int]) -> DecodedMessage:
        """Keep some of the answers, by their places among `identities()`."""
        usable = [nth for nth in answers if nth < self.usable]
        refused = tuple(self.refused[nth - self.usable] for nth in answers if nth >= self.usable)
        readings = self.readings
        if not usable:
            return replace(self, readings=None, positions=NOTHING, refused=refused, partial=True)
        if readings is None or isinstance(readings, dict):
            return replace(self, refused=refused, partial=True)
        if isinstance(readings, DecodedColumns):
            readings = readings.table()
        positions = [self.positions[nth] for nth in usable]
        return replace(
            self, readings=select(readings, usable), positions=positions, refused=refused, partial=True
        )


def _refused_key(message: str, refused: InvalidPayload) -> str:
    """Short, whatever came, for keys are remembered for minutes; no reading can be named like this."""
    came = f"{identity(refused.reading_id, message, refused.row)}\n{refused.original}"
    return "\n" + hashlib.blake2b(came.encode(), digest_size=16).hexdigest()


def read(envelope: Envelope, *, kept: bool = True) -> DecodedMessage:
    """Decode a message; whatever is wrong with it is in `refused`, with the reasons."""
    return _read(envelope, kept=kept, longest=None)


def read_inline(envelope: Envelope, *, kept: bool = True) -> DecodedMessage | None:
    """Decode a message on the event loop; None where something in it is wrong, and what would take long to find out."""
    return _read(envelope, kept=kept, longest=INSPECTED_BYTES)


@overload
def _read(envelope: Envelope, *, kept: bool, longest: None) -> DecodedMessage: ...
@overload
def _read(envelope: Envelope, *, kept: bool, longest: int) -> DecodedMessage | None: ...
def _read(envelope: Envelope, *, kept: bool, longest: int | None) -> DecodedMessage | None:
    version = envelope.attributes.get(SCHEMA_ATTRIBUTE)
    try:
        payload = envelope.payload
        if len(payload) >= WORTH_BYTES and (table := columns(payload, version=version)) is not None:
            return DecodedMessage(envelope, table, range(len(table.matrix)), (), kept)
        if longest is None or len(payload) <= longest:
            decoded = decode_fields(payload, version=version, pause=step_aside)
        elif (valid := decode_valid(payload, version=version)) is not None:
            decoded = valid
        else:
            return None
    except UnusableReadingError as unusable:
        return _unusable(envelope, unusable, kept=kept)
    except Exception as error:
        # Decoding is pure: what breaks it now would break it with every delivery.
        log.exception("decoding a message broke")
        broken = UnusableReadingError(
            Reason(field="reading", rule=shortened(f"it cannot be decoded: {type(error).__name__}: {error}"))
        )
        return _unusable(envelope, broken, kept=kept)
    if isinstance(decoded, dict):
        return DecodedMessage(envelope, decoded, NOTHING, (), kept)
    refused = decoded.refused
    return DecodedMessage(
        envelope, decoded.table, decoded.positions, refused, kept, refused_bytes=_bytes_of(refused)
    )


def _unusable(envelope: Envelope, unusable: UnusableReadingError, *, kept: bool) -> DecodedMessage:
    refused = (_refused(envelope, unusable),)
    return DecodedMessage(envelope, None, NOTHING, refused, kept, refused_bytes=_bytes_of(refused))


def _refused(envelope: Envelope, unusable: UnusableReadingError) -> InvalidPayload:
    names = unusable.names
    if names is None:
        try:
            names = peek_identity(envelope.payload)
        except UnusableReadingError:
            names = None, None
    reading_id, device_id = names
    return InvalidPayload(
        reasons=unusable.reasons, original=envelope.original, reading_id=reading_id, device_id=device_id
    )


def _bytes_of(refused: Sequence[InvalidPayload]) -> int:
    return sum(len(each.original) + _LINE_BYTES + _REASON_BYTES * len(each.reasons) for each in refused)


def encoded(works: Sequence[DecodedMessage]) -> NDArray[np.float32]:
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


def _block(readings: ReadingTable | DecodedColumns, rows: int) -> NDArray[np.float32]:
    return (
        readings.matrix if isinstance(readings, DecodedColumns) else columns_matrix(readings.__dict__, rows)
    )
