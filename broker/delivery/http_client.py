"""Plain HTTP/1.1 client for pushes to one address: POSTs over keep-alive connections, one request at a time on each.

A general client (request, response and header objects, one timer for each request) costs several times the CPU of
the push itself. Only plain HTTP to localhost or to a numeric address is supported here.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

import httptools

CONNECT_SECONDS: Final = 10.0
KEEPALIVE_SECONDS: Final = 60.0
"""How long a connection may stay idle; servers usually let go later, so that no push meets a closing one."""
_LATE_SECONDS: Final = 0.05
"""How much later than its time a request is given up, so that the lease of its delivery ends first."""
_PLAIN: Final = re.compile(
    r"http://(localhost|[0-9]+(?:\.[0-9]+){3}|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?(/[!-\"$-~]*)?"
)
_HTTP_PORT: Final = 80
_LAST_PORT: Final = 65_535
_SWITCHING: Final = 101
_INTERIM: Final = range(100, 200)


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """Where a plain URL leads: an address, and how a POST to it begins."""

    address: tuple[str, int]
    start: bytes


@lru_cache(maxsize=1_024)
def place(url: str) -> HttpAddress | None:
    """Read a URL; None for every one that needs more than this: TLS, name service, a user, a fragment, other alphabets."""
    match = _PLAIN.fullmatch(url)
    if match is None:
        return None
    host, port = match[1], int(match[2] or _HTTP_PORT)
    if port > _LAST_PORT:
        return None
    named = host if port == _HTTP_PORT else f"{host}:{port}"
    return HttpAddress(
        (host.strip("[]"), port), f"POST {match[3] or '/'} HTTP/1.1\r\nHost: {named}\r\n".encode()
    )


class HttpClient:
    """Connections to one address: as many as there are requests at once."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._open: set[_HttpConnection] = set()
        self._idle: list[_HttpConnection] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = float("inf")
        self._connecting = 0

    @property
    def in_use(self) -> bool:
        """Whether there is a connection, or will be."""
        return bool(self._open or self._connecting)

    async def post(self, request: bytes, timeout: float) -> int:  # noqa: ASYNC109  one timer serves all requests
        """Send one request, head and body, and give the status of its answer, which is read to its end.

        Raises TimeoutError after `timeout` seconds, and OSError for every other failure; requests are never retried.
        """
        until = self._loop.time() + timeout
        connection = self._idle.pop() if self._idle else await self._connect(min(timeout, CONNECT_SECONDS))
        answer = connection.ask(request, until)
        if until < self._alarm_at:
            self._set_alarm(until)
        try:
            return await answer
        except asyncio.CancelledError:
            connection.leave(answer)
            raise

    def close(self) -> None:
        """Drop every connection; who waits hears a ConnectionError."""
        self._cancel_alarm()
        for each in list(self._open):
            each.give_up(ConnectionAbortedError("the client is closed"))

    async def _connect(self, seconds: float) -> _HttpConnection:
        self._connecting += 1
        try:
            async with asyncio.timeout(seconds):
                _, made = await self._loop.create_connection(
                    lambda: _HttpConnection(self, self._loop), self._host, self._port
                )
        finally:
            self._connecting -= 1
        return made

    def opened(self, connection: _HttpConnection) -> None:
        """Keep a connection in view."""
        connection.until = self._loop.time() + KEEPALIVE_SECONDS
        self._open.add(connection)

    def freed(self, connection: _HttpConnection) -> None:
        """Keep a connection for the next request; the one that was used last comes first."""
        connection.until = self._loop.time() + KEEPALIVE_SECONDS
        self._idle.append(connection)

    def lost(self, connection: _HttpConnection) -> None:
        """Forget a connection that is closed or about to be."""
        self._open.discard(connection)
        with suppress(ValueError):
            self._idle.remove(connection)

    def _set_alarm(self, at: float) -> None:
        self._cancel_alarm()
        self._alarm_at = at
        self._alarm = self._loop.call_at(at + _LATE_SECONDS, self._ring)

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at = None, float("inf")

    def _ring(self) -> None:
        """Give up what is late, and look again when the next one would be: one timer, however many requests."""
        late = self._loop.time() - _LATE_SECONDS / 2
        for each in [each for each in self._open if each.until <= late]:
            each.give_up(TimeoutError())
        self._cancel_alarm()
        if self._open:
            self._set_alarm(min(each.until for each in self._open))


class _HttpConnection(asyncio.Protocol):
    """One connection; `until` is when it is given up, in the loop's seconds."""

    __slots__ = (
        "_answer",
        "_client",
        "_framed",
        "_headed",
        "_keeps",
        "_loop",
        "_parser",
        "_status",
        "_transport",
        "until",
    )

    def __init__(self, client: HttpClient, loop: asyncio.AbstractEventLoop) -> None:
        self.until = float("inf")
        self._client = client
        self._loop = loop
        self._answer: asyncio.Future[int] | None = None
        self._begin()

    def _begin(self) -> None:
        self._status: int | None = None
        self._framed = self._headed = self._keeps = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)
        # As aiohttp's client reads answers: a sloppy server is no reason to send again.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._client.opened(self)

    def ask(self, request: bytes, until: float) -> asyncio.Future[int]:
        """Send a request; the answer's status, or why there is none."""
        self.until = until
        self._begin()
        self._answer = answer = self._loop.create_future()
        self._transport.write(request)
        return answer

    def leave(self, answer: asyncio.Future[int]) -> None:
        """Close the connection of an abandoned request, unless another request has the connection by now."""
        if self._answer is answer:
            self.give_up(ConnectionAbortedError("the request was cancelled"))

    def give_up(self, why: OSError) -> None:
        """Close at once; who waits for an answer hears why there is none."""
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(why)
        self._client.lost(self)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self.give_up(ConnectionAbortedError("an answer without a request"))
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.give_up(ConnectionAbortedError(f"no answer in HTTP: {error}"))
            return
        if self._status is not None:
            self._end(self._status)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note whether the answer says where it ends."""
        header = name.lower()
        self._framed |= header == b"content-length" or (
            header == b"transfer-encoding" and b"chunked" in value.lower()
        )

    def on_headers_complete(self) -> None:
        """Note that from here on the end of the connection may be the end of the answer."""
        self._headed = self._parser.get_status_code() not in _INTERIM

    def on_message_complete(self) -> None:
        """Take the status of the final answer; an interim one is passed over."""
        status = self._parser.get_status_code()
        if status in _INTERIM and status != _SWITCHING:
            self._begin()
        elif self._status is None:
            self._status, self._keeps = status, self._parser.should_keep_alive()
        else:
            self._keeps = False

    def eof_received(self) -> None:
        """End an answer that says not where it ends; any other one is broken off."""
        if self._answer is not None and self._headed and not self._framed:
            self._end(self._parser.get_status_code())
        else:
            self.give_up(ConnectionResetError("closed before the answer was whole"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up(ConnectionResetError(f"the connection was lost: {exc}"))
        # It and its parser hold each other.
        del self._parser

    def _end(self, status: int) -> None:
        answer, self._answer = self._answer, None
        if self._keeps and not self._transport.is_closing() and not self._transport.get_write_buffer_size():
            self._client.freed(self)
        else:
            self._client.lost(self)
            self._transport.abort()
        if answer is not None and not answer.done():
            answer.set_result(status)
