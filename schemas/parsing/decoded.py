"""The result of decoding a payload: its usable readings and its rejected ones."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.schemas.contract.reading_classes import AnyTable
    from rookery.schemas.rejection import Reason


@dataclass(frozen=True, slots=True)
class InvalidPayload:
    """Input that can never be classified, with the reasons: one row of a table, or (with no row) a whole message.

    `original` is what came, in base64: a refused row as a reading of its own, so that it can be fixed alone.
    """

    reasons: tuple[Reason, ...]
    original: str
    row: int | None = None
    reading_id: str | None = None
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class DecodedTable:
    """The usable rows of a table with their positions in the message, and the refused ones.

    `table` holds the usable rows only and is None where there is none; `positions[i]` is where its row i stood.
    """

    table: AnyTable | None
    positions: range | list[int]
    refused: tuple[InvalidPayload, ...] = ()


def in_base64(payload: bytes) -> str:
    """Write bytes as base64 text, as a rejection keeps them."""
    return binascii.b2a_base64(payload, newline=False).decode()
