"""The one codec: readings and tables to bytes and back, predictions and rejections to lines and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from rookery.schemas.contract.default import default_compiled
from rookery.schemas.contract.reading_classes import MAX_ROWS, AnyTable
from rookery.schemas.parsing.checks import named
from rookery.schemas.parsing.decoded import DecodedTable, InvalidPayload, in_base64
from rookery.schemas.parsing.inspection import inspected, inspected_reading
from rookery.schemas.parsing.values import MAX_VALUES, parsed
from rookery.schemas.rejection import Reason, UnusableReadingError, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.schemas.contract.compiled import CompiledContract, Fields
    from rookery.schemas.contract.reading_classes import AnyReading

SCHEMA_VERSION: Final = "1"
SCHEMA_ATTRIBUTE: Final = "rookery_schema"
"""The message attribute that names the version its payload was written in; absent means the newest."""


CONTENT_TYPE_ATTRIBUTE: Final = "content-type"
ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
"""The attribute that says how a message's payload is written, and what it says where that is an Arrow IPC stream; JSON without it."""


def encode(readings: AnyReading | AnyTable) -> bytes:
    """Write a reading or a table as compact JSON; what is unknown is left out."""
    return readings.model_dump_json(
        exclude_none=not isinstance(readings, AnyTable), exclude_unset=True
    ).encode()


def decode(
    payload: bytes, contract: CompiledContract | None = None, *, version: str | None = None
) -> AnyReading | DecodedTable:
    """Read one payload by a contract; raises UnusableReadingError with every reason where nothing in it can be classified.

    A bad row of a table is refused alone. `version` is the message's SCHEMA_ATTRIBUTE.
    """
    contract = contract or default_compiled()
    decoded = decode_fields(payload, contract, version=version)
    return contract.reading.model_construct(**decoded) if isinstance(decoded, dict) else decoded


def decode_reading(
    payload: bytes, contract: CompiledContract | None = None, *, version: str | None = None
) -> AnyReading:
    """Read what can only be one reading, as a table's refused row: an array in it is a wrong cell, no table."""
    if version is not None and version != SCHEMA_VERSION:
        raise _unknown(version)
    contract = contract or default_compiled()
    return contract.reading.model_construct(**inspected_reading(payload, contract))


def decode_fields(
    payload: bytes,
    contract: CompiledContract,
    *,
    version: str | None = None,
    pause: Callable[[], object] = lambda: None,
) -> Fields | DecodedTable:
    """Read one payload as `decode` does, and leave a reading as its plain fields, for who reads thousands a second.

    `pause` is called between two slices of long work.
    """
    found = decode_valid(payload, contract, version=version)
    return inspected(payload, contract, pause=pause) if found is None else found


def decode_valid(
    payload: bytes, contract: CompiledContract, *, version: str | None = None
) -> Fields | DecodedTable | None:
    """Read a payload in which nothing is wrong, in bounded memory; None where `decode_fields` has to find out what is.

    Raises UnusableReadingError where the version is unknown.
    """
    if version is not None and version != SCHEMA_VERSION:
        raise _unknown(version)
    # A reading holds no array, so that a bracket means a table (or, rarely, an odd name: inspected).
    table = b"[" in payload
    if not table or contract.bracketed:
        fields = _valid_reading(payload, contract)
        if fields is not None or not table:
            return fields
    try:
        return _valid_table(payload, contract)
    except ValidationError:
        return None


def _valid_reading(payload: bytes, contract: CompiledContract) -> Fields | None:
    if len(payload) > _LONGEST_READING:
        return None
    try:
        fields = contract.validate_fields(payload)
    except ValidationError:
        return None
    return None if contract.groups and contract.lacking(fields) else fields


def _unknown(version: str) -> UnusableReadingError:
    rule = f"schema version {SCHEMA_VERSION} is needed"
    return UnusableReadingError(Reason(field=SCHEMA_ATTRIBUTE, rule=rule, value=shortened(version)))


_LONGEST_READING: Final = 64 * 1024
"""Bytes beyond which a reading cannot be valid but for blanks; its errors would be as many objects."""


def _valid_table(payload: bytes, contract: CompiledContract) -> DecodedTable | None:
    """Read a table whose rows are all valid; ValidationError where a cell is not."""
    if len(payload) > _LARGE and not _plain(payload):
        return None
    table = contract.table.model_validate_json(payload)
    present = table.columns
    for group in contract.groups:
        columns = [present[name] for name in group if name in present]
        if not columns:
            return None
        if not any(None not in column for column in columns) and not all(
            any(cell is not None for cell in row) for row in zip(*columns, strict=True)
        ):
            return None
    return DecodedTable(table=table, positions=range(table.rows))


_LARGE: Final = 1024 * 1024
"""Bytes from which a payload is checked before pydantic reads it, whose objects take up to eighty times as many."""


def _plain(payload: bytes) -> bool:
    """Whether a payload has about as many brackets, values and names as a table may have."""
    # One pass for all of them, and the counts are of little.
    marks = payload.translate(None, _OTHERS)
    colons, commas = marks.count(b":"), marks.count(b",")
    return (
        len(marks) - colons - commas <= _MOST_BRACKETS
        and commas <= MAX_VALUES
        and colons <= MAX_ROWS * _COLONS_OF_A_TIME
    )


_OTHERS: Final = bytes({*range(256)} - {*b"{[,:"})
_MOST_BRACKETS: Final = 10_000
_COLONS_OF_A_TIME: Final = 3


def peek_identity(payload: bytes) -> tuple[str | None, str | None]:
    """The `reading_id` and `device_id` of a payload that was refused, where it still can be read."""
    try:
        return named(parsed(payload))
    except UnusableReadingError:
        return None, None


__all__ = [
    "ARROW_STREAM",
    "CONTENT_TYPE_ATTRIBUTE",
    "MAX_ROWS",
    "SCHEMA_ATTRIBUTE",
    "SCHEMA_VERSION",
    "DecodedTable",
    "InvalidPayload",
    "decode",
    "decode_fields",
    "decode_reading",
    "decode_valid",
    "encode",
    "in_base64",
    "peek_identity",
]
