"""RequestHeadCache: heads of pushes are parsed once, and then known by their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.worker.http.wire.request_head import parsed

if TYPE_CHECKING:
    from rookery.worker.http.wire.request_head import RequestHead

CACHED_HEAD_BYTES: Final = 8 * 1024
"""Longest head that is remembered; one of Pub/Sub's, with its token, has about 1.5 kB."""

CACHE_BYTES: Final = 1024 * 1024
"""Bytes of heads that are remembered together; Pub/Sub's differ in their Content-Length only."""

LENGTHS: Final = 1024
"""Lengths of requests whose last head is remembered."""


class RequestHeadCache:
    """Reads heads; those of pushes are parsed once and then known by their bytes."""

    def __init__(self, *, max_request_bytes: int) -> None:
        """Store the bound of a body; a head that announces a longer one is not remembered."""
        self._max_request_bytes = max_request_bytes
        self._size = 0
        self._read: dict[bytes, RequestHead] = {}
        self._admitted: dict[int, RequestHead] = {}

    def known(self, data: bytes) -> RequestHead | None:
        """Give the head of a whole push whose sender was admitted within this second, if it was the last of its length."""
        # Comparing costs far less than finding a head's end and hashing a token of a thousand characters.
        found = self._admitted.get(len(data))
        if found is not None and data.startswith(found.raw):
            return found
        return None

    def admitted(self, head: RequestHead) -> None:
        """Remember that the sender of a head was admitted just now."""
        if head.is_plain and len(head.raw) <= CACHED_HEAD_BYTES:
            if len(self._admitted) >= LENGTHS:
                self._admitted.clear()
            self._admitted[len(head.raw) + (head.length or 0)] = head

    def expire(self) -> None:
        """Forget who was admitted, so that a token's verdict is asked for again; called every second."""
        self._admitted.clear()

    def read(self, raw: bytes) -> RequestHead:
        """Read a whole head, its blank line included; raises RefusedRequestError."""
        found = self._read.get(raw)
        if found is not None:
            return found
        head = parsed(raw)
        if head.is_plain and len(raw) <= CACHED_HEAD_BYTES and (head.length or 0) <= self._max_request_bytes:
            self._size += len(raw)
            if self._size > CACHE_BYTES:
                self._read.clear()
                self._size = len(raw)
            self._read[raw] = head
        return head
