"""The fast lane: an asyncio protocol that knows only the push request, and hands all else to aiohttp.

Pub/Sub pushes the same request over and over: `POST /` with a Content-Length on a connection kept alive. What
aiohttp does for every request in general (task, request and response objects, router, timers) costs several times
what the reading itself does. A head is parsed by httptools once; the same bytes again are known by a dictionary.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.heads import Head, Heads

HEAD_BYTES: Final = 16 * 1024
"""Longest head that the lane looks at; a longer one is aiohttp's to refuse."""

IDLE_SECONDS: Final = 75.0
"""How long a connection may stay silent between requests, as aiohttp has it."""

REQUEST_SECONDS: Final = 30.0
"""How long a request may take to arrive once it has begun."""

_END: Final = b"\r\n\r\n"
_REASONS: Final = {
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


class Answer(Protocol):
    """Answers one request, once; may be called after the caller has left."""

    def __call__(self, status: int, text: str = "") -> None:
        """Send a status with an explanation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Where a lane leads: pushes to `accept`, everything else to a protocol that `other` makes (aiohttp's)."""

    accept: Callable[[bytes, Head, Answer], None]
    other: Callable[[], asyncio.Protocol]
    heads: Heads


class PushLane(asyncio.Protocol):
    """One connection. Requests are answered one after the other; more than one body is not read ahead."""

    __slots__ = ("_arrived", "_buffer", "_busy", "_ends", "_head", "_lanes", "_loop", "_start", "_transport")

    def __init__(self, ends: Ends, lanes: Lanes) -> None:
        """Store where requests go; a connection starts it."""
        self._ends = ends
        self._lanes = lanes
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._head: Head | None = None
        self._start = 0
        self._busy = False
        self._arrived = lanes.now

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._lanes.add(self)
        self._arrived = self._lanes.now

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Forget the connection; what it asked goes on and is answered to nobody."""
        self._transport = None
        self._lanes.discard(self)

    def data_received(self, data: bytes) -> None:
        """Take what arrived; a request that is whole is begun at once."""
        if not self._buffer:
            # Nearly always: one request, whole, with a head that is known.
            ends = self._ends
            head = ends.heads.known(data)
            if head is not None and not self._busy:
                self._busy = True
                ends.accept(data[head.size :], head, self._answer)
                return
            self._arrived = self._lanes.now
        self._buffer += data
        if not self._busy:
            self._next()
        elif self._transport is not None:
            # A second request while the first is under way waits in the kernel, not here.
            self._transport.pause_reading()

    def late(self, now: float) -> bool:
        """Whether the connection has been silent, or a request on its way, for too long."""
        if self._busy:
            return False
        return now - self._arrived > (REQUEST_SECONDS if self._buffer else IDLE_SECONDS)

    def close(self) -> None:
        """Close the connection once what was written is sent."""
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        """Begin the next request if it is whole."""
        buffer = self._buffer
        if self._head is None:
            end = buffer.find(_END)
            if end < 0:
                if len(buffer) > HEAD_BYTES:
                    self._hand_over()
                return
            self._start = end + len(_END)
            self._head = self._ends.heads.read(bytes(buffer[: self._start]))
            if self._head is None:
                self._hand_over()
                return
        head = self._head
        stop = self._start + head.length
        if len(buffer) < stop:
            return
        body = bytes(buffer[self._start : stop])
        del buffer[:stop]
        self._head = None
        self._busy = True
        self._ends.accept(body, head, self._answer)

    def _answer(self, status: int, text: str = "") -> None:
        self._busy = False
        self._arrived = self._lanes.now
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(self._lanes.done if status == 204 else _response(status, text))  # noqa: PLR2004  most are
        if self._buffer:
            # Not from inside the batch that answers: a pipelining client must not hold up the others.
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        if self._transport is not None and not self._busy:
            self._transport.resume_reading()
            self._next()

    def _hand_over(self) -> None:
        """Let aiohttp serve the connection from the first byte that is not answered on."""
        transport = self._transport
        if transport is None:
            return
        self._lanes.discard(self)
        other = self._ends.other()
        transport.set_protocol(other)
        other.connection_made(transport)
        transport.resume_reading()
        other.data_received(bytes(self._buffer))
        self._buffer.clear()
        self._transport = None


def _response(status: int, text: str) -> bytes:
    body = text.encode()
    retry = "Retry-After: 1\r\n" if status in {429, 503} else ""
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nDate: {formatdate(usegmt=True)}\r\n{retry}"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _done() -> bytes:
    return f"HTTP/1.1 204 No Content\r\nDate: {formatdate(usegmt=True)}\r\n\r\n".encode()


class Lanes:
    """All open connections: one timer tells them the time (`now`), closes the late ones, and writes the answer that most get (`done`) anew."""

    def __init__(self) -> None:
        """Start with none."""
        self.done = _done()
        self.now = 0.0
        self._open: set[PushLane] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, lane: PushLane) -> None:
        """Watch a connection."""
        if self._timer is None:
            self._watch()
        self._open.add(lane)

    def discard(self, lane: PushLane) -> None:
        """Watch a connection no longer."""
        self._open.discard(lane)

    def close(self) -> None:
        """Close every connection."""
        if self._timer is not None:
            self._timer.cancel()
        for lane in tuple(self._open):
            lane.close()

    def _watch(self) -> None:
        self.done = _done()
        loop = asyncio.get_running_loop()
        now = self.now = loop.time()
        for lane in [each for each in self._open if each.late(now)]:
            lane.close()
        self._timer = loop.call_later(1.0, self._watch)
