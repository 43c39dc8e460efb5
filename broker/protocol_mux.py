"""One address for two protocols: the first bytes of a connection say which door it wants."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

log: Final = logging.getLogger(__name__)

HTTP2: Final = b"PRI "
"""How the preface of HTTP/2, and so of gRPC, begins; no HTTP/1.1 request does."""


class ProtocolMux(asyncio.Protocol):
    """Splice gRPC through to its server at `grpc_port` on loopback; hand anything else to the REST protocol."""

    def __init__(
        self, rest: Callable[[], asyncio.Protocol], grpc_port: int, connections: set[asyncio.Transport]
    ) -> None:
        self._rest = rest
        self._grpc_port = grpc_port
        self._connections = connections
        self._head = b""
        self._splicing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first bytes."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self._transport)

    def data_received(self, data: bytes) -> None:
        """Look at the first bytes and choose."""
        self._head += data
        if self._splicing is not None or HTTP2.startswith(self._head):
            return
        if self._head.startswith(HTTP2):
            self._transport.pause_reading()
            self._splicing = asyncio.create_task(self._splice(), name="splice")
        else:
            self._hand_over(self._rest())

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        del exc
        self._connections.discard(self._transport)
        if self._splicing is not None:
            self._splicing.cancel()

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        self._connections.discard(self._transport)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._head)

    async def _splice(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            backend, _ = await loop.create_connection(
                lambda: Splice(self._transport), "127.0.0.1", self._grpc_port
            )
        except Exception:  # whatever keeps this one connection from gRPC is its own end alone
            log.exception("a gRPC connection failed")
            self._transport.abort()
            return
        backend.write(self._head)
        self._connections.discard(self._transport)
        self._transport.set_protocol(Splice(backend))
        self._transport.resume_reading()


class Splice(asyncio.Protocol):
    """Pass bytes on to the peer, no faster than it takes them."""

    def __init__(self, peer: asyncio.Transport) -> None:
        self._peer = peer

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        self._peer.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side as well."""
        del exc
        self._peer.close()

    def pause_writing(self) -> None:
        """This side is full: let the peer wait."""
        if not self._peer.is_closing():
            self._peer.pause_reading()

    def resume_writing(self) -> None:
        """Resume reading from the peer."""
        if not self._peer.is_closing():
            self._peer.resume_reading()
