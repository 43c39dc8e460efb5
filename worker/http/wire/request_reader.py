"""RequestReader: one request after the other out of a connection's bytes; it knows no transport and no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.worker.http.wire.bodies import CODINGS, ChunkedBody, SizedBody, too_large
from rookery.worker.http.wire.refused_request import RefusedRequestError
from rookery.worker.http.wire.request_head import PartialHead, too_long

if TYPE_CHECKING:
    from rookery.worker.http.wire.head_cache import RequestHeadCache
    from rookery.worker.http.wire.request_head import RequestHead

CONTINUE: Final = "100-continue"
_END: Final = b"\r\n\r\n"


class RequestReader:
    """Reads heads and bodies as their bytes arrive; what follows a request waits in the buffer."""

    __slots__ = ("_body", "_heads", "_limit", "_partial", "_scanned", "buffer")

    def __init__(self, heads: RequestHeadCache, *, max_request_bytes: int) -> None:
        """Store what parses heads, and the longest body."""
        self._heads = heads
        self._limit = max_request_bytes
        self.buffer = bytearray()
        """Bytes that have arrived and were not taken."""
        self._partial: PartialHead | None = None
        self._scanned = 0
        self._body: SizedBody | ChunkedBody | None = None

    @property
    def held(self) -> int:
        """Bytes that are here."""
        return len(self.buffer) + (0 if self._body is None else self._body.held)

    @property
    def in_body(self) -> bool:
        """Whether a body was begun and is not whole."""
        return self._body is not None

    def feed(self, data: bytes) -> None:
        """Take what has arrived."""
        self.buffer += data

    def clear(self) -> None:
        """Forget everything."""
        self.buffer = bytearray()
        self._partial = self._body = None
        self._scanned = 0

    def head(self) -> RequestHead | None:
        """Read the next head; None until it is whole. Raises RefusedRequestError."""
        buffer = self.buffer
        # Empty lines before a request are ignored: RFC 9112, 2.2.
        if buffer and buffer[0] in _END:
            buffer[:] = buffer.lstrip(_END)
            self._partial, self._scanned = None, 0
        end = buffer.find(_END, max(self._scanned - len(_END) + 1, 0))
        size = len(buffer) if end < 0 else end + len(_END)
        too_long(size)
        if end < 0:
            self._look()
            return None
        head = self._heads.read(bytes(buffer[:size]))
        del buffer[:size]
        self._partial, self._scanned = None, 0
        return head

    def has(self, head: RequestHead) -> bool:
        """Whether the body of a head that was just read is here already."""
        return head.length is not None and len(self.buffer) >= head.length

    def skip(self, head: RequestHead) -> None:
        """Drop the body that is here already."""
        del self.buffer[: head.length or 0]

    def begin(self, head: RequestHead) -> None:
        """Begin to read the body of a head; raises RefusedRequestError where none of that kind is read."""
        if head.length is not None and head.length > self._limit:
            raise too_large(self._limit)
        if head.expectation not in {"", CONTINUE}:
            raise RefusedRequestError("expectation", f"only {CONTINUE} can be expected", status=417)
        if head.encoding and head.encoding not in CODINGS:
            known = " or ".join(name for name in CODINGS if not name.startswith("x-"))
            raise RefusedRequestError("content_encoding", f"Content-Encoding must be {known}")
        self._body = ChunkedBody(self._limit) if head.length is None else SizedBody(head.length)

    def body(self) -> bytes | bytearray | None:
        """Read the body that was begun; None until it is whole. Raises RefusedRequestError."""
        if self._body is None:
            raise RuntimeError("a body is begun before it is read")
        body: bytes | bytearray | None
        if self._body.is_all_of(self.buffer):
            # A large one is handed over as it is: to copy three megabytes takes a millisecond of every connection's time.
            body, self.buffer = self.buffer, bytearray()
        else:
            body = self._body.take(self.buffer)
        if body is not None:
            self._body = None
        return body

    def _look(self) -> None:
        """Look at what is here of a head, each byte once."""
        if self._scanned < len(self.buffer):
            partial = self._partial = self._partial or PartialHead()
            partial.feed(bytes(self.buffer[self._scanned :]))
            self._scanned = len(self.buffer)
