"""Bodies: of a known length or in chunks, taken out of what a connection has read; and unpacked within their bound."""

from __future__ import annotations

import re
import zlib
from typing import Final

from rookery.worker.http.wire.refused_request import RefusedRequestError

CODINGS: Final = {"gzip": zlib.MAX_WBITS + 16, "x-gzip": zlib.MAX_WBITS + 16, "deflate": zlib.MAX_WBITS}
"""Content codings that are understood, and their `wbits` for zlib."""

FRAMING_BYTES: Final = 8 * 1024
"""Bytes of chunk sizes and trailers that a body may have beyond a quarter of its own length."""

RATIO: Final = 1032
"""How many times as long as its deflated form a body is at the most."""

MEMBERS: Final = 16
"""Most members of one gzip body; each costs a copy of those behind it."""

_LINE_BYTES: Final = 4096
_CRLF: Final = b"\r\n"
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[^\r\n]*)?\r\n")
_TRAILER: Final = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\x00]*)?\r\n")


class SizedBody:
    """A body with a Content-Length."""

    __slots__ = ("_length",)

    held: Final = 0
    """Bytes that it holds itself: all of it stays in the connection's buffer."""

    def __init__(self, length: int) -> None:
        self._length = length

    def is_all_of(self, buffer: bytearray) -> bool:
        """Whether the body is here, and nothing else."""
        return 0 < len(buffer) == self._length

    def take(self, buffer: bytearray) -> bytes | None:
        """Take the body out of the buffer; None until it is whole."""
        length = self._length
        if len(buffer) < length:
            return None
        with memoryview(buffer) as everything, everything[:length] as part:
            body = bytes(part)
        del buffer[:length]
        return body


class ChunkedBody:
    """A body in chunks (RFC 9112, 7.1); extensions and trailers are read and dropped."""

    __slots__ = ("_body", "_framing", "_left", "_limit", "_trailing")

    def __init__(self, limit: int) -> None:
        """Store the longest body in bytes."""
        self._limit = limit
        self._body = bytearray()
        self._framing = 0
        # Bytes of the present chunk, its line end included; 0 where a size is next.
        self._left = 0
        self._trailing = False

    def is_all_of(self, buffer: bytearray) -> bool:  # noqa: ARG002  as of a body with a length
        """Never: there are sizes between its bytes."""
        return False

    @property
    def held(self) -> int:
        """Bytes that were taken out of the buffer."""
        return len(self._body)

    def take(self, buffer: bytearray) -> bytes | None:
        """Take every chunk that is whole; None until the last one is. Raises RefusedRequestError."""
        at, done = self._chunks(buffer), False
        if self._trailing:
            at, done = self._trailers(buffer, at)
        del buffer[:at]
        return bytes(self._body) if done else None

    def _chunks(self, buffer: bytearray) -> int:
        """Take chunks; returns where the first byte that was not taken is."""
        at = 0
        while not self._trailing:
            if self._left:
                stop = at + self._left - len(_CRLF)
                if stop + len(_CRLF) > len(buffer):
                    break
                if not buffer.startswith(_CRLF, stop):
                    raise _malformed("a chunk is longer than its size")
                self._body += buffer[at:stop]
                at, self._left = stop + len(_CRLF), 0
            line = _SIZE.match(buffer, at)
            if line is None:
                _hold_line(buffer, at)
                break
            self._frame(line.end() - at + len(_CRLF))
            at = line.end()
            self._begin(int(line[1], 16))
        return at

    def _begin(self, length: int) -> None:
        if len(self._body) + length > self._limit:
            raise too_large(self._limit)
        self._trailing = not length
        self._left = length + len(_CRLF)

    def _frame(self, count: int) -> None:
        # Each chunk costs about a microsecond, however little is in it.
        self._framing += count
        if self._framing > FRAMING_BYTES + len(self._body) // 4:
            raise _malformed("there is too little in the chunks for their number")

    def _trailers(self, buffer: bytearray, at: int) -> tuple[int, bool]:
        """Drop trailers; returns where the first byte that was not taken is, and whether the body ended before it."""
        while (line := _TRAILER.match(buffer, at)) is not None:
            begun, at = at, line.end()
            if at - begun == len(_CRLF):
                return at, True
            self._frame(at - begun)
        _hold_line(buffer, at)
        return at, False


def _hold_line(buffer: bytearray, at: int) -> None:
    """Raise RefusedRequestError where what begins there cannot become a line by more that comes."""
    if len(buffer) - at > _LINE_BYTES or buffer.find(b"\n", at) >= 0:
        raise _malformed("a chunk's size or a trailer is none")


def too_large(limit: int) -> RefusedRequestError:
    """Make the refusal of a body beyond its bound, in bytes."""
    return RefusedRequestError(
        "body_too_large", f"the body has more than {limit} bytes (ROOKERY_MAX_REQUEST_BYTES)", status=413
    )


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo a content coding; raises RefusedRequestError where it is not what it says, or longer than the bound."""
    parts: list[bytes] = []
    left = limit
    for _ in range(MEMBERS + 1):
        if not body:
            return parts[0] if len(parts) == 1 else b"".join(parts)
        member = zlib.decompressobj(_window(body, encoding))
        try:
            # One more than may come: 0 would be no bound at all, and so is the end noticed in any case.
            part = member.decompress(body, left + 1)
        except zlib.error:
            raise _undecodable(encoding) from None
        left -= len(part)
        if left < 0:
            raise too_large(limit)
        if not member.eof:
            raise _undecodable(encoding)
        parts.append(part)
        body = member.unused_data
    raise _undecodable(encoding)


def _window(body: bytes, encoding: str) -> int:
    # The coding deflate has zlib's header, as in RFC 9110, or has none.
    bare = encoding == "deflate" and body[0] & 0x0F != zlib.DEFLATED
    return -zlib.MAX_WBITS if bare else CODINGS[encoding]


def _undecodable(encoding: str) -> RefusedRequestError:
    return RefusedRequestError(
        "content_encoding", f"the body is not {encoding}, as its Content-Encoding says"
    )


def _malformed(sentence: str) -> RefusedRequestError:
    return RefusedRequestError("malformed", f"malformed HTTP: {sentence}")
