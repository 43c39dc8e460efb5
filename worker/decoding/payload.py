"""Payload: the readings in one payload, where it is not plainly one reading: a table, or anything that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.schemas.codec import SCHEMA_VERSION, DecodedTable, decode_fields, decode_valid
from rookery.worker.decoding.arrow.messages import CONTINUATION
from rookery.worker.decoding.arrow.reader import arrow_reader
from rookery.worker.decoding.reading_reader import reading_reader
from rookery.worker.decoding.table_reader import table_reader
from rookery.worker.runtime.thread_priority import step_aside

if TYPE_CHECKING:
    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.worker.decoding.reading_reader import DecodedReading
    from rookery.worker.decoding.table import DecodedColumns

    Decoded = DecodedReading | DecodedColumns | DecodedTable

READ_VERSIONS: Final = (None, SCHEMA_VERSION)
"""Versions that are read here; of others the codec says which is needed."""

ARROW: Final = (CONTINUATION, b"ARROW1")
"""How a stream, and a file of Arrow, begin; no JSON does."""

WORTH_BYTES: Final = 4_096
"""Shorter tables are left to the codec, which is done before numpy has begun."""


def decode_payload(
    payload: bytes,
    contract: CompiledContract,
    *,
    version: str | None,
    longest: int | None,
    arrow: bool = False,
) -> Decoded | None:
    """Read a payload by a contract; raises UnusableReadingError with every reason where nothing in it can be classified.

    `arrow` says that it was called an Arrow stream; one that begins as such is read as one in any case. None where it is longer than `longest` (None: whatever its length), and so long an inspection is needed.
    """
    if (arrow or payload.startswith(ARROW)) and version in READ_VERSIONS:
        return arrow_reader(contract).read(payload, inline=longest is not None)
    if len(payload) >= WORTH_BYTES and version in READ_VERSIONS:
        table = table_reader(contract).read(payload)
        if table is not None:
            return table
    if longest is None or len(payload) <= longest:
        decoded = decode_fields(payload, contract, version=version, pause=step_aside)
    else:
        valid = decode_valid(payload, contract, version=version)
        if valid is None:
            return None
        decoded = valid
    return reading_reader(contract).of(decoded) if isinstance(decoded, dict) else decoded
