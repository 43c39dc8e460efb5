"""MessageDecoder: decodes messages off the event loop, so that no single reading waits for a large one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rookery.worker.decoding.message import INLINE_BYTES, decode_message, size_of
from rookery.worker.errors import QueueFullError

if TYPE_CHECKING:
    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.envelope import Envelope
    from rookery.worker.decoding.message import DecodedMessage


class MessageDecoder:
    """Decodes large messages one after the other: two threads would only take the interpreter from each other.

    Short messages that are invalid have a queue of their own, so that none waits for ten million bytes.
    """

    def __init__(self, *, most_bytes: int) -> None:
        """Store how many bytes may wait in each queue; one message may, however large."""
        self._most_bytes = most_bytes
        self._large = _DecodeQueue()
        self._short = _DecodeQueue()

    async def decode(
        self, envelope: Envelope, contract: CompiledContract, *, kept: bool = True
    ) -> DecodedMessage:
        """Decode a message in a thread as `decode_message` does; raises QueueFullError."""
        size = size_of(envelope)
        queue = self._large if size > INLINE_BYTES else self._short
        if queue.size and queue.size + size > self._most_bytes:
            raise QueueFullError(f"{queue.size} bytes are waiting to be decoded already")
        queue.size += size
        try:
            async with queue.turn:
                return await asyncio.to_thread(decode_message, envelope, contract, kept=kept)
        finally:
            queue.size -= size


class _DecodeQueue:
    """Messages that wait to be decoded, and how many bytes they have."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.size = 0
