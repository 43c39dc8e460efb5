"""Reader: messages become works; a large one off the event loop, so that no single reading waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker.errors import Full
from worker.work import read

if TYPE_CHECKING:
    from schemas.envelope import Envelope
    from worker.work import Work

INLINE_BYTES: Final = 128 * 1024
"""Up to so much is read on the event loop: less than a millisecond's work, for which a thread does not pay."""


def size_of(envelope: Envelope) -> int:
    """Bytes of a message as it came."""
    return len(envelope.data) if envelope.body is None else len(envelope.body)


def is_large(envelope: Envelope) -> bool:
    """Whether a message is read off the loop."""
    return size_of(envelope) > INLINE_BYTES


class Reader:
    """Reads large messages one after the other: two threads would only take the interpreter from each other."""

    def __init__(self, *, most_bytes: int) -> None:
        """Store how many bytes may wait to be read; one message may, however large."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._turn = asyncio.Lock()

    async def read(self, envelope: Envelope, *, kept: bool = True) -> Work:
        """Read a message as `work.read` does; raises Full."""
        if not is_large(envelope):
            return read(envelope, kept=kept)
        size = size_of(envelope)
        if self._bytes and self._bytes + size > self._most_bytes:
            raise Full(f"{self._bytes} bytes are waiting to be read already")
        self._bytes += size
        try:
            async with self._turn:
                return await asyncio.to_thread(read, envelope, kept=kept)
        finally:
            self._bytes -= size
