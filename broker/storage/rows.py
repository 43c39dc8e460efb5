"""Messages as rows of a table, each with a checksum: SQLite itself does not detect a changed byte."""

from __future__ import annotations

import json
import zlib
from typing import Any, Final, TypeAlias

from rookery.broker.scheduling.messages import RestoredMessage, StoredMessage

COLUMNS: Final = (
    "id INTEGER PRIMARY KEY, published_at REAL NOT NULL, ordering_key TEXT NOT NULL, attributes TEXT,"
    " data BLOB NOT NULL, checksum INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0"
)
NAMES: Final = "id, published_at, ordering_key, attributes, data, checksum"

Row: TypeAlias = tuple[int, float, str, str | None, bytes, int]

_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def written(message: StoredMessage) -> Row:
    """Write a message as a row."""
    text = _encode(dict(message.attributes)) if message.attributes else None
    ident, key = int(message.message_id), message.ordering_key
    checksum = _checksum(ident, message.published_at, key, text, message.data)
    return ident, message.published_at, key, text, message.data, checksum


def read(row: tuple[Any, ...]) -> RestoredMessage:
    """Read a row of NAMES and the attempts; raises ValueError where its checksum is wrong."""
    ident, published_at, key, written_attributes, data, checksum, attempts = row
    if checksum != _checksum(ident, published_at, key, written_attributes, data):
        raise ValueError(f"message {ident} is not as it was stored")
    message = StoredMessage(str(ident), data, attributes(written_attributes), key, published_at)
    return RestoredMessage(message, attempts)


def attributes(text: str | None) -> dict[str, str] | None:
    """Read the column of the attributes."""
    found: dict[str, str] | None = json.loads(text) if text else None
    return found


def _checksum(ident: int, published_at: float, key: str, attributes: str | None, data: bytes) -> int:
    return zlib.crc32(f"{ident} {published_at!r} {key}\0{attributes}".encode(), zlib.crc32(data))
