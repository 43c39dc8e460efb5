"""HttpProtocol: reads every request by one set of rules; pushes take the fast path, all else has a handler.

Pub/Sub pushes the same request over and over: `POST /` with a Content-Length on a connection kept alive. General work for every
request (task, request and response objects, router) costs more than all the rest of a push. So a push whose head is known by its bytes
costs a comparison; every other request is read here as far as its last byte, under one clock and one bound for all
connections, and only then handed on.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from rookery.worker.http.responses import DURABLE, NO_CONTENT, explained
from rookery.worker.http.whole_request import WholeRequest
from rookery.worker.http.wire.bodies import RATIO, unpacked
from rookery.worker.http.wire.connection import ClockedConnection
from rookery.worker.http.wire.refused_request import RefusedRequestError
from rookery.worker.http.wire.request_reader import CONTINUE, RequestReader

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import TypeVarTuple

    from rookery.worker.auth.policy import AuthenticationFailure
    from rookery.worker.http.endpoints import Endpoints
    from rookery.worker.http.responses import Response
    from rookery.worker.http.wire.connections import ConnectionRegistry
    from rookery.worker.http.wire.request_head import RequestHead

    Arguments = TypeVarTuple("Arguments")

PACKED_BYTES: Final = 1024
"""Longest coded body that is unpacked on the event loop: to a megabyte at the most, which takes about a millisecond."""


class HttpProtocol(ClockedConnection):
    """One connection. Requests are answered one after the other; more than one body is not read ahead."""

    __slots__ = ("_budget", "_head", "_packed", "_reader", "_resuming", "_task")

    def __init__(self, endpoints: Endpoints, registry: ConnectionRegistry) -> None:
        """Store where requests go; a connection starts it."""
        super().__init__(endpoints, registry)
        self._reader = RequestReader(endpoints.heads, max_request_bytes=endpoints.max_request_bytes)
        self._budget = registry.unauthenticated
        self._head: RequestHead | None = None
        self._packed = b""
        self._resuming = False
        self._task: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        """Take what arrived; a request that is whole is begun at once."""
        if self._idle:
            self._idle = False
            endpoints = self._endpoints
            head = endpoints.heads.known(data)
            if head is not None and endpoints.accept is not None:
                # Nearly always: one push, whole, with a head that is known.
                self._busy = True
                try:
                    endpoints.accept(data[len(head.raw) :], self._answer)
                except Exception as error:  # noqa: BLE001  the last resort of all requests
                    self._fail(error)
                return
            self._since = self._registry.now
        self._step(self._more, data)

    def eof_received(self) -> bool:
        """Keep a connection whose sender has only closed its own side until its request is answered."""
        self._eof = True
        if not (self._idle or self._busy or self._lingering):
            self._step(self._read)
        return self._busy or self._resuming

    def give_way(self) -> None:
        """Refuse the request that is arriving, for all connections together hold too much."""
        refused = RefusedRequestError("over_budget", "too much is arriving at once", status=429)
        if self._busy and self._head is None and not self._packed:
            # A request is in flight, and has its answer first: what is here came behind it.
            self._endpoints.failed(refused)
            self._last = True
            self._drop()
        else:
            self._fail(refused)

    def _more(self, data: bytes) -> None:
        transport = self._transport
        if self._lingering or transport is None:
            return
        self._reader.feed(data)
        if self._busy or self._resuming:
            # A second request while the first is in flight waits in the kernel, not here.
            transport.pause_reading()
        else:
            self._read()

    def _read(self) -> None:
        """Go on with the request that is arriving, as far as its bytes go."""
        head = self._head
        if head is None:
            head = self._head = self._reader.head()
            if head is None or not self._admitted(head):
                return
        body = self._reader.body()
        if body is not None:
            self._take(head, body)

    def _admitted(self, head: RequestHead) -> bool:
        """Whether the body of a head is read now; else it is refused, or its sender has to be asked for first."""
        admission = self._endpoints.admission
        if (refusal := admission.refused(head)) is not None:
            self._deny(head, refusal)
            return False
        if not admission.known(head):
            self._begin(self._authenticate(head))
            return False
        self._admit(head)
        return True

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        self._busy = True
        self._task = asyncio.create_task(work, name="a request's admission or unpacking")

    async def _authenticate(self, head: RequestHead) -> None:
        """Ask whether the sender of a head is admitted, before its body is read."""
        try:
            refusal = await self._endpoints.admission.authenticate(head)
        except Exception as error:  # noqa: BLE001  the last resort of all requests
            # Never kept in a variable: a frame, its exception and the traceback's frames would hold each other.
            if self._head is head:
                self._fail(error)
            return
        # Else the sender has left, or had to give way.
        if self._head is head:
            self._busy = False
            self._step(self._authenticated, head, refusal)

    def _authenticated(self, head: RequestHead, refusal: AuthenticationFailure | None) -> None:
        if refusal is None:
            self._admit(head)
            self._resume()
        else:
            self._deny(head, refusal)

    def _deny(self, head: RequestHead, refusal: AuthenticationFailure) -> None:
        """Refuse a sender; the connection is kept where the body has arrived already."""
        if self._reader.has(head):
            self._reader.skip(head)
            self._head, self._busy, self._last = None, True, not head.keep_alive
            self._respond(head, explained(refusal.status, refusal.text))
        else:
            self._end(refusal)

    def _admit(self, head: RequestHead) -> None:
        """Begin to read a body, and say so to a sender that waits for that."""
        self._reader.begin(head)
        expected = head.expectation == CONTINUE and head.length != 0 and not self._reader.buffer
        if expected and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _take(self, head: RequestHead, body: bytes | bytearray) -> None:
        """Begin a request that is whole."""
        self._head, self._busy, self._last = None, True, not head.keep_alive
        if head.encoding and len(body) > PACKED_BYTES:
            self._packed = bytes(body)
            self._begin(self._unpack(head))
        elif head.encoding:
            self._serve(head, unpacked(bytes(body), head.encoding, self._endpoints.max_request_bytes))
        else:
            self._serve(head, body)

    async def _unpack(self, head: RequestHead) -> None:
        """Undo the coding of a body, one of all connections at a time."""
        async with self._endpoints.unpacking:
            packed = self._packed
            if not packed:
                return
            try:
                body = await asyncio.to_thread(
                    unpacked, packed, head.encoding, self._endpoints.max_request_bytes
                )
            except Exception as error:  # noqa: BLE001  as above
                if self._packed is packed:
                    self._fail(error)
                return
        # Else the sender has left, or had to give way.
        if self._packed is packed:
            self._packed = b""
            self._step(self._serve, head, body)

    def _serve(self, head: RequestHead, body: bytes | bytearray) -> None:
        """Hand on a request that is whole, plain and admitted."""
        endpoints = self._endpoints
        if endpoints.accept is not None and head.is_push:
            endpoints.heads.admitted(head)
            endpoints.accept(body, self._answer)
        else:
            endpoints.begin(WholeRequest(head, bytes(body)), partial(self._respond, head), self._fail)

    def _answer(self, status: int, text: str = "", *, last: bool = False) -> None:
        """Answer the push in flight; the first answer counts."""
        if not self._busy:
            return
        if last:
            self._last = True
        transport = self._transport
        if transport is not None and not transport.is_closing():
            plain = status == NO_CONTENT and not self._last
            transport.write(self._registry.done if plain else self._written(explained(status, text)))
        self._next()

    def _respond(self, head: RequestHead, response: Response) -> None:
        """Answer any other request in flight, by what its head said."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            plain = response == DURABLE and not self._last and head.version == "1.1"
            transport.write(self._registry.done if plain else self._written(response, head))
        self._next()

    def _written(self, response: Response, head: RequestHead | None = None) -> bytes:
        # A connection of HTTP/1.0 is closed unless its answer says otherwise.
        kept = "keep-alive" if head is not None and head.version == "1.0" else ""
        bodiless = head is not None and head.method == "HEAD"
        return response.written(connection="close" if self._last else kept, bodiless=bodiless)

    def _next(self) -> None:
        """Go on after an answer: with the request behind it, with its sender's next one, or not at all."""
        self._busy = False
        self._since = self._registry.now
        if self._last:
            self._linger()
        elif self._reader.buffer:
            # Not from inside the batch that answers: a pipelining client must not hold up the others.
            self._resuming = True
            asyncio.get_running_loop().call_soon(self._resume)
        elif self._eof:
            self.close()
        else:
            self._idle = True

    def _resume(self) -> None:
        self._resuming = False
        if self._transport is not None and not self._busy and not self._lingering:
            self._step(self._read)
            self._read_on()

    def _read_on(self) -> None:
        """Let more arrive, unless a whole request waits here already; a sender that sends no more is done."""
        if self._transport is None:
            return
        if self._eof and not self._busy:
            self.close()
        elif not (self._eof or self._choked or self._resuming or (self._busy and self._reader.buffer)):
            self._transport.resume_reading()

    def _step(self, step: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        """Take a step; whatever it raises, the request is answered."""
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001  the last resort of all requests
            self._fail(error)
        self._hold()

    def _drop(self) -> None:
        self._head, self._packed = None, b""
        self._reader.clear()
        self._hold()

    def _hold(self) -> None:
        """Count what is here against the bound of all connections."""
        admitted = self._packed or self._reader.in_body
        budget = self._registry.admitted if admitted else self._registry.unauthenticated
        if budget is not self._budget:
            self._budget.hold(self, 0)
            self._budget = budget
        # A body that waits to be unpacked counts as the bytes that it may become.
        budget.hold(
            self, self._reader.held + min(len(self._packed) * RATIO, self._endpoints.max_request_bytes)
        )
