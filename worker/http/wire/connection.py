"""ClockedConnection: a connection's transport and its end; nothing on it may take for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from rookery.worker.http.responses import explained
from rookery.worker.http.wire.refused_request import RefusedRequestError

if TYPE_CHECKING:
    from rookery.worker.auth.policy import AuthenticationFailure
    from rookery.worker.http.endpoints import Endpoints
    from rookery.worker.http.wire.connections import ConnectionRegistry

IDLE_SECONDS: Final = 75.0
"""How long a connection may stay silent between requests."""

LINGER_SECONDS: Final = 10.0
"""How long a sender that was refused may go on sending: closing at once would take the answer from it."""


class ClockedConnection(asyncio.Protocol):
    """It is idle (nothing is here, nothing in flight), reading a request, busy with one, or lingering after its last answer."""

    __slots__ = (
        "_busy",
        "_choked",
        "_endpoints",
        "_eof",
        "_idle",
        "_last",
        "_lingering",
        "_registry",
        "_since",
        "_transport",
        "_unsent",
    )

    def __init__(self, endpoints: Endpoints, registry: ConnectionRegistry) -> None:
        """Store where requests go; a connection starts it."""
        self._endpoints = endpoints
        self._registry = registry
        self._transport: asyncio.Transport | None = None
        self._idle = True
        self._busy = self._lingering = self._choked = False
        # No request follows the present one, by what its sender said; the sender has closed its side.
        self._last = self._eof = False
        self._since = registry.now
        self._unsent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._registry.add(self)
        self._since = self._registry.now

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Forget the connection; its request in flight goes on, and the answer is dropped."""
        if not (self._idle or self._busy or self._lingering):
            self._endpoints.failed(
                RefusedRequestError("aborted", "the sender left before its request was whole")
            )
        self._transport = None
        self._registry.discard(self)
        self._drop()

    def pause_writing(self) -> None:
        """Read no more from a peer that does not take its answers."""
        self._choked = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again: the peer took its answers."""
        self._choked = False
        if self._transport is not None and not self._eof:
            self._transport.resume_reading()

    def tick(self, now: float) -> None:
        """End what has taken too long: a request's arrival, an answer's leaving, silence."""
        transport, limit = self._transport, self._endpoints.request_seconds
        if transport is None:
            return
        before, self._unsent = self._unsent, transport.get_write_buffer_size()
        if self._unsent and not 0 < before <= self._unsent:
            # An answer begins to leave, or goes on leaving.
            self._since = now
        late = now - self._since
        if self._unsent:
            if late > limit:
                self._endpoints.failed(RefusedRequestError("slow", "the sender does not take its answer"))
                transport.abort()
        elif self._lingering:
            if late > LINGER_SECONDS:
                transport.abort()
        elif self._idle:
            if late > IDLE_SECONDS:
                transport.close()
        elif late > limit and not self._busy:
            sentence = f"a request has to arrive within {limit:g} s (ROOKERY_REQUEST_SECONDS)"
            self._fail(RefusedRequestError("slow", sentence, status=408))

    def close(self) -> None:
        """Close the connection once what was written is sent."""
        if self._transport is not None:
            self._transport.close()

    def _fail(self, error: Exception) -> None:
        """Answer a request that cannot be served: the last resort of all of them."""
        self._end(self._endpoints.failed(error))

    def _end(self, refusal: AuthenticationFailure) -> None:
        """Answer for the last time: nothing that comes behind can be trusted to be a request."""
        transport = self._transport
        self._idle = self._busy = False
        if transport is None or transport.is_closing():
            self._drop()
            return
        transport.write(explained(refusal.status, refusal.text).written(connection="close"))
        self._registry.refused += 1
        self._linger()

    def _linger(self) -> None:
        """Drop what the sender goes on sending until it closes; closing first would take the answer from it."""
        transport = self._transport
        self._drop()
        if transport is None or self._eof:
            self.close()
            return
        self._idle, self._lingering, self._since = False, True, self._registry.now
        transport.write_eof()
        transport.resume_reading()

    def _drop(self) -> None:
        """Hold nothing of the request that is arriving; only the protocol that parses requests knows what it holds."""
        raise NotImplementedError
