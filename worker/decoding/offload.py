"""MessageDecoder: messages become works; a large one off the event loop, so that no single reading waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from rookery.worker.decoding.message import read
from rookery.worker.errors import QueueFullError

if TYPE_CHECKING:
    from rookery.schemas.envelope import Envelope
    from rookery.worker.decoding.message import DecodedMessage

INLINE_BYTES: Final = 128 * 1024
"""Up to so much is read on the event loop: less than a millisecond's work, for which a thread does not pay."""


def size_of(envelope: Envelope) -> int:
    """Bytes of a message as it came, attributes included."""
    return len(envelope.data if envelope.body is None else envelope.body) + envelope.attribute_size


def is_large(envelope: Envelope) -> bool:
    """Whether a message is read off the loop."""
    return size_of(envelope) > INLINE_BYTES


class MessageDecoder:
    """Reads large messages one after the other: two threads would only take the interpreter from each other.

    Short ones in which something is wrong have a line of their own, in which none waits for ten million bytes.
    """

    def __init__(self, *, most_bytes: int) -> None:
        """Store how many bytes may wait to be read in each line; one message may, however large."""
        self._most_bytes = most_bytes
        self._large = _Line()
        self._short = _Line()

    async def read(self, envelope: Envelope, *, kept: bool = True) -> DecodedMessage:
        """Read a message in a thread as `work.read` does, with its `keys` where it is kept; raises QueueFullError."""
        line = self._large if is_large(envelope) else self._short
        size = size_of(envelope)
        if line.size and line.size + size > self._most_bytes:
            raise QueueFullError(f"{line.size} bytes are waiting to be read already")
        line.size += size
        try:
            async with line.turn:
                return await asyncio.to_thread(_read, envelope, kept=kept)
        finally:
            line.size -= size


class _Line:
    """Messages that wait to be read, and how many bytes they have."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.size = 0


def _read(envelope: Envelope, *, kept: bool) -> DecodedMessage:
    work = read(envelope, kept=kept)
    if kept:
        work.keys = work.identities()
    return work
