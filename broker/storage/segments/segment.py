"""Segments: many messages of one transaction as one row, because SQLite's work for a row costs more than a message's bytes.

Each has a checksum: SQLite itself does not detect a changed byte. The data of all messages are one value; JSON beside it has
runs of ids with one time of publishing, the lengths, and the ordering keys and attributes of the messages that have any.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rookery.broker.scheduling.messages import StoredMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

COLUMNS: Final = (
    "first_id INTEGER PRIMARY KEY, last_id INTEGER NOT NULL, count INTEGER NOT NULL, newest REAL NOT NULL,"
    " heads TEXT NOT NULL, data BLOB NOT NULL, checksum INTEGER NOT NULL"
)
NAMES: Final = "first_id, last_id, count, newest, heads, data, checksum"
MOST_MESSAGES: Final = 1_000
MOST_BYTES: Final = 1_000_000
"""Data of a segment, beside that of its last message."""
MOST_IDS: Final = 50_000
"""Ids from the first to the last message, so that a bit for each is a small value."""

SegmentRow: TypeAlias = tuple[int, int, int, float, str, bytes, int]

_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def divided(messages: Iterable[StoredMessage]) -> Iterator[list[StoredMessage]]:
    """Divide messages, in the order of their ids, into those of each segment."""
    some: list[StoredMessage] = []
    size = first = 0
    for message in messages:
        ident = int(message.message_id)
        if some and (len(some) >= MOST_MESSAGES or size >= MOST_BYTES or ident - first >= MOST_IDS):
            yield some
            some, size = [], 0
        if not some:
            first = ident
        some.append(message)
        size += len(message.data)
    if some:
        yield some


def written(messages: Sequence[StoredMessage]) -> SegmentRow:
    """Write the messages of a segment as a row."""
    first, last = int(messages[0].message_id), int(messages[-1].message_id)
    data = b"".join([message.data for message in messages])
    heads = _encode(
        [
            _runs(messages),
            [len(message.data) for message in messages],
            {nth: message.ordering_key for nth, message in enumerate(messages) if message.ordering_key},
            {nth: dict(message.attributes) for nth, message in enumerate(messages) if message.attributes},
        ]
    )
    newest = messages[-1].published_at
    return first, last, len(messages), newest, heads, data, _checksum(first, last, heads, data)


def _runs(messages: Sequence[StoredMessage]) -> list[list[float]]:
    """Give the first id, the number and the time of publishing of messages with consecutive ids."""
    first, last = int(messages[0].message_id), int(messages[-1].message_id)
    at = messages[0].published_at
    # Times of publishing follow the ids: one request's messages need no look at each.
    if last - first == len(messages) - 1 and messages[-1].published_at == at:
        return [[first, len(messages), at]]
    runs: list[list[float]] = []
    expected = -1
    for message in messages:
        ident = int(message.message_id)
        if ident != expected or message.published_at != runs[-1][2]:
            runs.append([ident, 0, message.published_at])
        runs[-1][1] += 1
        expected = ident + 1
    return runs


def read(row: tuple[Any, ...]) -> list[StoredMessage]:
    """Read a row of NAMES; raises ValueError where its checksum is wrong."""
    first, last, count, _, heads, data, checksum = row
    if checksum != _checksum(first, last, heads, data):
        raise ValueError(f"the messages {first} to {last} are not as they were stored")
    runs, lengths, keys, attributes = json.loads(heads)
    if len(lengths) != count:
        raise ValueError(f"{len(lengths)} messages are stored where {count} are counted")
    found, end, nth = [], 0, 0
    for ident, number, published_at in runs:
        for each in range(ident, ident + number):
            begin, end = end, end + lengths[nth]
            name = str(nth)
            found.append(
                StoredMessage(
                    str(each), data[begin:end], attributes.get(name), keys.get(name, ""), published_at
                )
            )
            nth += 1
    return found


def _checksum(first: int, last: int, heads: str, data: bytes) -> int:
    return zlib.crc32(f"{first} {last} {heads}".encode(), zlib.crc32(data))
