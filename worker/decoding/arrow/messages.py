"""Messages: an Arrow IPC stream cut into its schema, its dictionaries and its batches, each with its body."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from rookery.worker.decoding.arrow.flatbuffer import DamagedStreamError, FlatTable

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTINUATION: Final = b"\xff\xff\xff\xff"
"""How every message of a stream begins; no text in UTF-8 holds such a byte, so that no JSON does."""

MOST_MESSAGES: Final = 1_000
"""Dictionaries and batches of one stream: each costs as much as some hundred rows."""

BYTE: Final = Struct("<B")
SHORT: Final = Struct("<h")
INT: Final = Struct("<i")
LONG: Final = Struct("<q")

_OLDEST: Final = 3
"""The fourth version of the format's messages: that of Arrow 0.8."""


class Kind(IntEnum):
    """The kinds of messages that are read."""

    SCHEMA = 1
    DICTIONARY = 2
    BATCH = 3


class StreamMessage(NamedTuple):
    """One message: what it holds, its own bytes, its header's table, and its body within the stream."""

    kind: int
    content: bytes
    header: FlatTable
    body: memoryview


def messages(stream: bytes) -> Iterator[StreamMessage]:
    """Cut a stream to its end mark; raises DamagedStreamError where it is not whole."""
    view = memoryview(stream)
    place = count = 0
    while True:
        if not stream.startswith(CONTINUATION, place) or len(stream) < place + 8:
            raise DamagedStreamError(f"no message begins at byte {place}, and no end mark stands there")
        size = INT.unpack_from(stream, place + 4)[0]
        place += 8
        if size == 0:
            break
        if size < 0 or place + size > len(stream):
            raise DamagedStreamError(f"the message before byte {place} is cut")
        count += 1
        if count > MOST_MESSAGES + 1:
            raise DamagedStreamError(f"at most {MOST_MESSAGES} batches and dictionaries are possible")
        content = stream[place : place + size]
        place += size
        message = _message(content, view[place:])
        yield message
        place += len(message.body)
    if len(stream) > place:
        raise DamagedStreamError(f"{len(stream) - place} bytes stand behind its end mark")


def _message(content: bytes, rest: memoryview) -> StreamMessage:
    root = FlatTable.root(content)
    header, length = root.table(2), root.number(3, LONG)
    if root.number(0, SHORT) < _OLDEST or header is None:
        raise DamagedStreamError("a message of version 4 or 5 of the format is needed")
    if not 0 <= length <= len(rest):
        raise DamagedStreamError("the body of a message is cut")
    return StreamMessage(root.number(1, BYTE), content, header, rest[:length])
