"""DecodedMessage: one message as the worker sees it, its usable readings beside its refused ones."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final, cast, overload

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from rookery.schemas.codec import (
    ARROW_STREAM,
    CONTENT_TYPE_ATTRIBUTE,
    SCHEMA_ATTRIBUTE,
    DecodedTable,
    InvalidPayload,
    peek_identity,
)
from rookery.schemas.identity import identity
from rookery.schemas.rejection import Reason, UnusableReadingError, shortened
from rookery.worker.batching.table_keys import TableKeys
from rookery.worker.decoding.envelope_reader import read_payload
from rookery.worker.decoding.payload import READ_VERSIONS, decode_payload
from rookery.worker.decoding.reading_reader import DecodedReading, reading_reader
from rookery.worker.decoding.table import DecodedColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.reading_classes import AnyTable
    from rookery.schemas.envelope import Envelope
    from rookery.worker.decoding.payload import Decoded
    from rookery.worker.errors import RetryError

log: Final = logging.getLogger(__name__)

NOTHING: Final[tuple[()]] = ()

INSPECTED_BYTES: Final = 2_048
"""Bytes of an invalid payload that are inspected on the event loop, in a millisecond or so."""

INLINE_BYTES: Final = 128 * 1024
"""Largest message that is decoded on the event loop: less than a millisecond's work, for which a thread does not pay."""

_LINE_BYTES: Final = 512
_REASON_BYTES: Final = 128
"""About what the line of a rejection takes beside its original, and what each of its reasons does."""


def ignore(_: RetryError | None) -> None:
    """Do nothing: a message whose caller awaits the ticket has no sender to answer."""


# A Struct, as one is made for every message: a dataclass takes three times as long.
class DecodedMessage(Struct):
    """One message: `readings` are its usable ones (None if there is none), `positions` their rows in a table.

    `kept` says whether the answers become durable (push) or are only returned (predict).
    """

    envelope: Envelope
    contract: CompiledContract
    """The contract that it was decoded by."""

    readings: DecodedReading | AnyTable | DecodedColumns | None
    positions: Sequence[int]
    refused: tuple[InvalidPayload, ...]
    kept: bool
    usable: int
    """The number of readings to classify."""

    size: int
    """Bytes of the message as it was received, attributes included."""

    keys: Sequence[str] = NOTHING
    """The identity of each answer while it is in flight: usable readings first. Empty where nothing is kept."""

    refused_bytes: int = 0
    """About how many bytes the lines of its rejections take."""

    partial: bool = False
    """Whether other messages answer some of the message's readings."""

    on_done: Callable[[RetryError | None], None] = ignore
    """Called once: with None when the answers are durable, or with the reason why the message is nacked."""

    @property
    def rows(self) -> int:
        """The number of answers that this message gets."""
        return self.usable + len(self.refused)

    def subset(self, answers: Sequence[int]) -> DecodedMessage:
        """Keep some of the answers, by their positions in `keys`."""
        usable = [nth for nth in answers if nth < self.usable]
        refused = tuple(self.refused[nth - self.usable] for nth in answers if nth >= self.usable)
        readings, positions = self.readings, self.positions
        if not usable:
            readings, positions = None, NOTHING
        elif readings is not None and not isinstance(readings, DecodedReading):
            table = readings.table() if isinstance(readings, DecodedColumns) else readings
            readings, positions = table.select(usable), [positions[nth] for nth in usable]
        return replace(
            self,
            readings=readings,
            positions=positions,
            refused=refused,
            usable=len(usable),
            keys=[self.keys[nth] for nth in answers],
            partial=True,
        )


def size_of(envelope: Envelope) -> int:
    """Bytes of a message as it was received, attributes included."""
    return len(envelope.data if envelope.body is None else envelope.body) + envelope.attribute_size


def decode_message(envelope: Envelope, contract: CompiledContract, *, kept: bool = True) -> DecodedMessage:
    """Decode a message by a contract; everything invalid in it is in `refused`, with the reasons."""
    return _decode(envelope, contract, size_of(envelope), kept=kept, longest=None)


def decode_inline(
    envelope: Envelope, contract: CompiledContract, *, kept: bool = True
) -> DecodedMessage | None:
    """Decode a message on the event loop; None where that takes too long: it is large, or invalid and not short."""
    size = size_of(envelope)
    if size > INLINE_BYTES:
        return None
    return _decode(envelope, contract, size, kept=kept, longest=INSPECTED_BYTES)


@overload
def _decode(
    envelope: Envelope, contract: CompiledContract, size: int, *, kept: bool, longest: None
) -> DecodedMessage: ...
@overload
def _decode(
    envelope: Envelope, contract: CompiledContract, size: int, *, kept: bool, longest: int
) -> DecodedMessage | None: ...
def _decode(
    envelope: Envelope, contract: CompiledContract, size: int, *, kept: bool, longest: int | None
) -> DecodedMessage | None:
    version = envelope.attributes.get(SCHEMA_ATTRIBUTE)
    decoded: Decoded | None
    try:
        payload = read_payload(envelope)
        decoded = reading_reader(contract).read(payload) if version in READ_VERSIONS else None
        if decoded is None:
            arrow = envelope.attributes.get(CONTENT_TYPE_ATTRIBUTE) == ARROW_STREAM
            decoded = decode_payload(payload, contract, version=version, longest=longest, arrow=arrow)
    except UnusableReadingError as unusable:
        return _unusable(envelope, contract, size, unusable, kept=kept)
    except Exception as error:
        # Decoding is pure: a payload that breaks it now breaks it with every delivery.
        log.exception("failed to decode a message")
        broken = UnusableReadingError(
            Reason(field="reading", rule=shortened(f"it cannot be decoded: {type(error).__name__}: {error}"))
        )
        return _unusable(envelope, contract, size, broken, kept=kept)
    if isinstance(decoded, DecodedReading):
        keys = (decoded.reading_id or envelope.identity,) if kept else NOTHING
        return DecodedMessage(envelope, contract, decoded, NOTHING, (), kept, 1, size, keys)
    if isinstance(decoded, DecodedColumns):
        return _whole_table(envelope, contract, decoded, size, kept=kept)
    return None if decoded is None else _checked_table(envelope, contract, size, decoded, kept=kept)


def _whole_table(
    envelope: Envelope, contract: CompiledContract, table: DecodedColumns, size: int, *, kept: bool
) -> DecodedMessage:
    rows = len(table.matrix)
    keys: Sequence[str] = NOTHING
    if kept:
        keys = (
            TableKeys(envelope.identity, rows)
            if table.reading_id is None
            else _row_keys(envelope.identity, table.reading_id, range(rows))
        )
    return DecodedMessage(envelope, contract, table, range(rows), (), kept, rows, size, keys)


def _unusable(
    envelope: Envelope, contract: CompiledContract, size: int, unusable: UnusableReadingError, *, kept: bool
) -> DecodedMessage:
    refused = DecodedTable(table=None, positions=range(0), refused=(_refused(envelope, unusable),))
    return _checked_table(envelope, contract, size, refused, kept=kept)


def _checked_table(
    envelope: Envelope, contract: CompiledContract, size: int, decoded: DecodedTable, *, kept: bool
) -> DecodedMessage:
    """Make the message of what the codec found: usable rows, refused ones, or both."""
    table, positions, refused = decoded.table, decoded.positions, decoded.refused
    keys: Sequence[str] = NOTHING
    if kept:
        message = envelope.identity
        usable = () if table is None else _row_keys(message, table.reading_id, positions)
        keys = [*usable, *(_refused_key(message, each) for each in refused)]
    return DecodedMessage(
        envelope, contract, table, positions, refused, kept, len(positions), size, keys, _bytes_of(refused)
    )


def _row_keys(message: str, named: Sequence[str | None] | None, positions: Sequence[int]) -> Sequence[str]:
    """The identities of rows: their own ids, or the message's with the row's number."""
    if named is None:
        return [identity(None, message, row) for row in positions]
    if None not in named:
        return cast("Sequence[str]", named)
    return [identity(own, message, row) for own, row in zip(named, positions, strict=True)]


def _refused_key(message: str, refused: InvalidPayload) -> str:
    """Identify a refused reading also by its original, which may be fixed and sent again.

    Short, whatever the original is, for keys are remembered for minutes; no reading can have such an id.
    """
    original = f"{identity(refused.reading_id, message, refused.row)}\n{refused.original}"
    return "\n" + hashlib.blake2b(original.encode(), digest_size=16).hexdigest()


def _refused(envelope: Envelope, unusable: UnusableReadingError) -> InvalidPayload:
    names = unusable.names
    if names is None:
        try:
            names = peek_identity(read_payload(envelope))
        except UnusableReadingError:
            names = None, None
    reading_id, device_id = names
    return InvalidPayload(
        reasons=unusable.reasons, original=envelope.original, reading_id=reading_id, device_id=device_id
    )


def _bytes_of(refused: Sequence[InvalidPayload]) -> int:
    return sum(len(each.original) + _LINE_BYTES + _REASON_BYTES * len(each.reasons) for each in refused)


def feature_matrix(messages: Sequence[DecodedMessage], contract: CompiledContract) -> NDArray[np.float32]:
    """Encode all usable readings as a float32 matrix of shape (readings, features), in the order of the messages.

    `contract` is that of the model which answers, and accepts what the messages' own contracts do.
    """
    blocks: list[NDArray[np.float32]] = []
    singles: list[DecodedReading] = []
    reader = reading_reader(contract)
    for message in messages:
        readings = message.readings
        if isinstance(readings, DecodedReading):
            # The model may have changed since it was decoded.
            same = message.contract is contract
            singles.append(readings if same else reader.of(readings.fields()))
        elif readings is not None:
            if singles:
                blocks.append(reader.matrix(singles))
                singles = []
            blocks.append(_block(message, readings, contract))
    if singles or not blocks:
        blocks.append(reader.matrix(singles))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _block(
    message: DecodedMessage, readings: AnyTable | DecodedColumns, contract: CompiledContract
) -> NDArray[np.float32]:
    if isinstance(readings, DecodedColumns):
        if message.contract is contract:
            return readings.matrix
        readings = readings.table()
    return contract.columns_matrix(readings.columns, message.usable)
