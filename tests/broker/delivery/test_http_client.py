"""The short way of a push: what is sent, and which answers count, over real connections that behave and misbehave."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from rookery.broker.delivery.http_client import HttpClient, place
from rookery.broker.testing import RawEndpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
REQUEST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def connected_client(at: RawEndpoint) -> AsyncIterator[HttpClient]:
    opened = HttpClient("127.0.0.1", at.port)
    yield opened
    opened.close()
    await asyncio.sleep(0)


WHOLE = [
    (DONE, 204),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
    (b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + DONE, 204),
    (b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 500),
    (b"HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 301),
    (b"HTTP/1.1 204 No Content\nServer: sloppy\n\n", 204),
]


@pytest.mark.parametrize(("answer", "status"), WHOLE)
async def test_connection_is_used_again(answer: bytes, status: int) -> None:
    """The status of the final answer counts, and a connection whose answer was read to its end serves the next push."""
    async with RawEndpoint(answer, DONE) as served, connected_client(served) as calls:
        assert await calls.post(REQUEST, 10) == status
        assert await calls.post(REQUEST, 10) == 204
        assert served.requests == [(1, REQUEST), (1, REQUEST)]


async def test_pieces_make_one_answer() -> None:
    """An answer may arrive byte by byte; nothing counts before its end."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with RawEndpoint(None) as served, connected_client(served) as calls:
        call = asyncio.create_task(calls.post(REQUEST, 10))
        await served.asked.wait()
        for position in range(len(answer)):
            assert not call.done()
            served.writers[0].write(answer[position : position + 1])
            await served.writers[0].drain()
            await asyncio.sleep(0)
        assert await call == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        DONE + DONE,
    ],
)
async def test_connection_that_ends_is_not_used_again(answer: bytes) -> None:
    """After an answer that says close, of HTTP/1.0 or with more behind it the next push takes a new connection."""
    async with RawEndpoint(answer, DONE) as served, connected_client(served) as calls:
        assert await calls.post(REQUEST, 10) in {200, 204}
        assert await calls.post(REQUEST, 10) == 204
        assert [connection for connection, _ in served.requests] == [1, 2]


async def test_end_of_connection_ends_an_answer_without_length() -> None:
    """An answer that does not say where it ends counts when its connection ends."""
    async with (
        RawEndpoint(b"HTTP/1.1 200 OK\r\n\r\nas long as it takes", ends=True) as served,
        connected_client(served) as calls,
    ):
        assert await calls.post(REQUEST, 10) == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 2",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"220 mail.example ESMTP\r\n",
    ],
)
async def test_broken_answer_is_none_and_nothing_is_sent_twice(answer: bytes) -> None:
    """A connection that ends before the answer is whole, or speaks no HTTP, is a failure; the client does not retry."""
    async with RawEndpoint(answer, DONE, ends=True) as served, connected_client(served) as calls:
        with pytest.raises(OSError, match=r"closed before|no answer in HTTP|lost"):
            await calls.post(REQUEST, 10)
        assert len(served.requests) == 1
        assert await calls.post(REQUEST, 10) == 204


async def test_switching_protocols_is_no_ack() -> None:
    """An answer that would leave HTTP is a failure."""
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    async with RawEndpoint(answer) as served, connected_client(served) as calls:
        with pytest.raises(OSError, match="no answer in HTTP"):
            await calls.post(REQUEST, 10)


async def test_silent_endpoint_is_given_up() -> None:
    """A push that is not answered within its time fails, and its connection is closed; an answered one is not touched."""
    async with RawEndpoint(DONE, None) as served, connected_client(served) as calls:
        assert await calls.post(REQUEST, 10) == 204
        with pytest.raises(TimeoutError):
            await calls.post(REQUEST, 0.05)
        await served.left.wait()


async def test_who_leaves_closes_the_connection() -> None:
    """A push that is cancelled in flight closes its connection, so that no other push gets its answer."""
    async with RawEndpoint(None, DONE) as served, connected_client(served) as calls:
        call = asyncio.create_task(calls.post(REQUEST, 10))
        await served.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await served.left.wait()
        assert await calls.post(REQUEST, 10) == 204
        assert [connection for connection, _ in served.requests] == [1, 2]


async def test_answered_and_cancelled_at_once_leaves_the_next_alone() -> None:
    """A push that is cancelled at the moment of its answer leaves the connection to the next push."""
    async with RawEndpoint(DONE, DONE, DONE) as served, connected_client(served) as calls:
        assert await calls.post(REQUEST, 10) == 204
        (connection,) = calls._idle
        first = asyncio.create_task(calls.post(REQUEST, 10))
        await asyncio.sleep(0)
        second = asyncio.create_task(calls.post(REQUEST, 10))
        connection.data_received(DONE)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await second == 204


async def test_talk_out_of_turn_costs_the_connection() -> None:
    """Bytes on an idle connection answer nothing: it is closed, and the next push takes another."""
    async with RawEndpoint(DONE, DONE) as served, connected_client(served) as calls:
        assert await calls.post(REQUEST, 10) == 204
        served.writers[0].write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await served.left.wait()
        assert await calls.post(REQUEST, 10) == 204
        assert [connection for connection, _ in served.requests] == [1, 2]


async def test_closing_fails_who_waits() -> None:
    """Closing drops every connection; pushes in flight fail."""
    async with RawEndpoint(None) as served, connected_client(served) as calls:
        call = asyncio.create_task(calls.post(REQUEST, 10))
        await served.asked.wait()
        calls.close()
        with pytest.raises(ConnectionError):
            await call
        await served.left.wait()


@pytest.mark.parametrize(
    ("url", "address", "start"),
    [
        ("http://127.0.0.1:8080/", ("127.0.0.1", 8080), b"POST / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"),
        ("http://localhost", ("localhost", 80), b"POST / HTTP/1.1\r\nHost: localhost\r\n"),
        ("http://[::1]:9/a?b=%20", ("::1", 9), b"POST /a?b=%20 HTTP/1.1\r\nHost: [::1]:9\r\n"),
    ],
)
def test_plain_urls(url: str, address: tuple[str, int], start: bytes) -> None:
    """A plain URL of this machine or of an address in figures gives the address and how a POST begins."""
    found = place(url)
    assert found is not None
    assert (found.address, found.start) == (address, start)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "http://worker:8080/",
        "http://user:word@127.0.0.1/",
        "http://127.0.0.1/#part",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX: y",
        "http://127.0.0.1/é",
        "http://127.0.0.1?a",
        "http://127.0.0.1:70000/",
        "HTTP://127.0.0.1/",
    ],
)
def test_other_urls_are_left_to_aiohttp(url: str) -> None:
    """TLS, names, users, fragments and whatever is not plain are not for the short way."""
    assert place(url) is None
