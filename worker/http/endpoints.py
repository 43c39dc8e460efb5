"""Endpoints: where the requests of all connections lead, and by which bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from rookery.worker.auth.policy import AuthenticationFailure
    from rookery.worker.http.admission import Admission
    from rookery.worker.http.responses import Response
    from rookery.worker.http.whole_request import WholeRequest
    from rookery.worker.http.wire.head_cache import RequestHeadCache


class Answer(Protocol):
    """Answers one request, once; may be called after the caller has left."""

    def __call__(self, status: int, text: str = "", *, last: bool = False) -> None:
        """Send a status with an explanation; after the `last` one of a connection no request of it is taken."""


class Endpoints(Struct, frozen=True, kw_only=True):
    """Pushes lead to `accept`, unless that is None; all other requests to the handler that `begin` finds."""

    accept: Callable[[bytes | bytearray, Answer], None] | None
    begin: Callable[[WholeRequest, Callable[[Response], None], Callable[[Exception], None]], None]
    """Begins to serve a request; calls the first function with its response, or the second with what went wrong."""

    admission: Admission
    heads: RequestHeadCache
    failed: Callable[[BaseException], AuthenticationFailure]
    """Counts and logs what kept a request from being served; gives the answer."""

    unpacking: asyncio.Lock
    """Held while a body is unpacked, so that one at a time can be as large as the bound."""

    max_request_bytes: int
    request_seconds: float = 30.0
    """How long a request may take to arrive, from its first byte to its last."""
