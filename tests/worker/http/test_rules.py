"""One set of HTTP rules: a table of requests, sent over raw sockets to both HTTP paths, with one answer each."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

from rookery.worker.app import running
from tests.worker.test_app import push_body, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

READING: Final = b'{"bill_length_mm": 40.0}'
PUSH: Final = push_body(READING)
LIMIT: Final = 100_000
"""Longest body of the workers here, in bytes."""


def request(body: bytes = PUSH, *headers: bytes, line: bytes = b"POST / HTTP/1.1") -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([line, b"Host: localhost", length, *headers, b"", body])


def headed(*headers: bytes, line: bytes = b"POST / HTTP/1.1", body: bytes = b"") -> bytes:
    """A request whose framing is the case's own."""
    return b"\r\n".join([line, b"Host: localhost", *headers, b"", body])


def chunked(*chunks: bytes, line: bytes = b"POST / HTTP/1.1", end: bytes = b"0\r\n\r\n") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end
    return headed(b"Transfer-Encoding: chunked", line=line, body=body)


@dataclass(frozen=True)
class Case:
    """The bytes that are sent, the statuses that come back, the cause that is counted, and whether the connection goes on."""

    sent: bytes
    statuses: tuple[int, ...]
    cause: str | None = None
    kept: bool = False


def refused(sent: bytes, status: int = 400, cause: str = "malformed") -> Case:
    return Case(sent, (status,), cause)


def served(sent: bytes, *statuses: int) -> Case:
    return Case(sent, statuses or (204,), kept=True)


CODED: Final = b"Content-Encoding: "
CASES: Final = {
    "a push": served(request()),
    "a push to an absolute target": served(request(line=b"POST http://localhost/ HTTP/1.1")),
    "two pushes at once": served(request() * 2, 204, 204),
    "a push, a probe, a push": served(request() + request(b"", line=b"GET /livez HTTP/1.1") + request(), 204, 200, 204),
    "empty lines before a push": served(b"\r\n\r\n" + request()),
    "a push that closes": Case(request(PUSH, b"Connection: close"), (204,)),
    "a push of HTTP/1.0": Case(request(line=b"POST / HTTP/1.0"), (204,)),
    "an upgrade that is not taken": served(request(PUSH, b"Connection: Upgrade", b"Upgrade: h2c")),
    "a websocket that is not taken": served(request(PUSH, b"Connection: Upgrade", b"Upgrade: websocket")),
    "chunks": served(chunked(PUSH[:10], PUSH[10:])),
    "chunks with extensions and trailers": served(
        headed(b"Transfer-Encoding: Chunked", body=b"%x;a=b\r\n%s\r\n0\r\nX-Sum: 7\r\n\r\n" % (len(PUSH), PUSH))
    ),
    "a push behind chunks": served(chunked(PUSH) + request(), 204, 204),
    "gzip": served(request(gzip.compress(PUSH), CODED + b"gzip")),
    "gzip in two members": served(request(gzip.compress(PUSH[:9]) + gzip.compress(PUSH[9:]), CODED + b"GZIP")),
    "gzip in the most members": served(
        request(b"".join(gzip.compress(PUSH[nth : nth + 1]) for nth in range(15)) + gzip.compress(PUSH[15:]), CODED + b"gzip")
    ),
    "gzip in too many members": refused(
        request(b"".join(gzip.compress(PUSH[nth : nth + 1]) for nth in range(16)) + gzip.compress(PUSH[16:]), CODED + b"gzip"),
        cause="content_encoding",
    ),
    "deflate": served(request(zlib.compress(PUSH), CODED + b"deflate")),
    "deflate without its header": served(request(zlib.compress(PUSH)[2:-4], CODED + b"deflate")),
    "gzip in chunks": served(
        headed(b"Transfer-Encoding: chunked", CODED + b"gzip", body=chunked(gzip.compress(PUSH)).partition(b"\r\n\r\n")[2])
    ),
    "identity": served(request(PUSH, CODED + b"identity")),
    "gzip to /predict": served(request(gzip.compress(READING), CODED + b"gzip", line=b"POST /predict HTTP/1.1"), 200),
    "a head with a tab before a value": served(request(PUSH, b"X:\t y \t")),
    "no envelope": served(request(b"{}"), 400),
    "a GET with a body": served(request(b"{}", line=b"GET /livez HTTP/1.1"), 200),
    "a HEAD": served(request(b"", line=b"HEAD /livez HTTP/1.1"), 200),
    "a probe that closes": Case(request(b"", b"Connection: close", line=b"GET /livez HTTP/1.1"), (200,)),
    "a probe of HTTP/1.0": Case(request(b"", line=b"GET /livez HTTP/1.0"), (200,)),
    "a probe of HTTP/1.0 that is kept": served(request(b"", b"Connection: keep-alive", line=b"GET /livez HTTP/1.0") * 2, 200, 200),
    "OPTIONS of the server": served(request(b"", line=b"OPTIONS * HTTP/1.1"), 404),
    "another path": served(request(line=b"POST /nowhere HTTP/1.1"), 404),
    "another method": served(request(line=b"DELETE / HTTP/1.1"), 405),
    "a path that is no URL": served(request(line=b"POST //[::1/ HTTP/1.1"), 404),
    "100 headers": served(request(PUSH, *(b"X-%d: y" % nth for nth in range(100)))),
    "expects 100, and sends all the same": served(request(PUSH, b"Expect: 100-Continue")),
    "an expectation of HTTP/1.0": Case(request(PUSH, b"Expect: x", line=b"POST / HTTP/1.0"), (204,)),
    "another expectation": refused(request(PUSH, b"Expect: a-miracle"), 417, "expectation"),
    "another expectation of a probe": refused(
        request(b"", b"Expect: a-miracle", line=b"GET /livez HTTP/1.1"), 417, "expectation"
    ),
    "not gzip": refused(request(PUSH, CODED + b"gzip"), 400, "content_encoding"),
    "not deflate": refused(request(PUSH, CODED + b"deflate"), 400, "content_encoding"),
    "not br": refused(request(PUSH, CODED + b"br"), cause="content_encoding"),
    "an unknown encoding": refused(request(PUSH, CODED + b"rot13"), cause="content_encoding"),
    "two encodings": refused(request(PUSH, CODED + b"gzip, gzip"), cause="content_encoding"),
    "half a gzip": refused(request(gzip.compress(PUSH)[:-9], CODED + b"gzip"), 400, "content_encoding"),
    "gzip and more": refused(request(gzip.compress(PUSH) + b"more", CODED + b"gzip"), 400, "content_encoding"),
    "gzip in a thousand members": refused(request(gzip.compress(b" ") * 1000, CODED + b"gzip"), 400, "content_encoding"),
    "a gzip bomb": refused(request(gzip.compress(bytes(50 * LIMIT)), CODED + b"gzip"), 413, "body_too_large"),
    "not gzip to /predict": Case(
        request(READING, CODED + b"gzip", line=b"POST /predict HTTP/1.1"), (400,), "content_encoding"
    ),
    "garbage": refused(b"hello, is this a worker?"),
    "garbage of one byte": refused(b"\x00"),
    "TLS": refused(bytes.fromhex("16030102000100") + b"\x01\xfc\x03\x03"),
    "HTTP/2": refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/0.9": refused(b"GET /\r\n\r\n"),
    "HTTP/1.2": refused(request(line=b"POST / HTTP/1.2")),
    "HTTP/2.0": refused(request(line=b"POST / HTTP/2.0")),
    "CONNECT": refused(b"CONNECT worker:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a lower-case method": refused(request(line=b"post / HTTP/1.1")),
    "a target that is no path": refused(request(line=b"POST *x HTTP/1.1")),
    "a target with a space": refused(request(line=b"POST /a b HTTP/1.1")),
    "a target with NUL": refused(request(line=b"POST /\x00 HTTP/1.1")),
    "a long target": refused(request(line=b"POST /%s HTTP/1.1" % (b"x" * 9000)), 414, "head_too_large"),
    "bare LF": refused(request().replace(b"\r\n", b"\n")),
    "one bare LF": refused(headed(b"A: b\nC: d", b"Content-Length: 0")),
    "one bare CR": refused(headed(b"A: b\rC: d", b"Content-Length: 0")),
    "no Host": refused(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"),
    "another Host": served(request().replace(b"localhost", b"example.org"), 403),
    "another origin": served(request(PUSH, b"Origin: http://example.org"), 403),
    "another Host before its body": Case(headed(b"Content-Length: 7").replace(b"localhost", b"example.org"), (403,)),
    "two Hosts": refused(request(PUSH, b"Host: another")),
    "a header without colon": refused(request(PUSH, b"nonsense")),
    "a header without name": refused(request(PUSH, b": x")),
    "a folded header": refused(request(PUSH, b"A: b", b" c")),
    "a blank before the colon": refused(request(PUSH, b"A : b")),
    "NUL in a header": refused(request(PUSH, b"A: b\x00")),
    "10,000 headers": refused(request(PUSH, *(b"X-%d: y" % nth for nth in range(10_000))), 431, "head_too_large"),
    "a head of 3 MB": refused(headed(b"A: " + b"b" * 3_000_000), 431, "head_too_large"),
    "a head of 3 MB without end": refused(headed(b"A: " + b"b" * 3_000_000)[:-4], 431, "head_too_large"),
    "two lengths": refused(headed(b"Content-Length: 2", b"Content-Length: 3", body=b"{}")),
    "one length twice": refused(headed(b"Content-Length: 2", b"Content-Length: 2", body=b"{}")),
    "a list of lengths": refused(headed(b"Content-Length: 2, 2", body=b"{}")),
    "a negative length": refused(headed(b"Content-Length: -2", body=b"{}")),
    "a signed length": refused(headed(b"Content-Length: +2", body=b"{}")),
    "an empty length": refused(headed(b"Content-Length: ", body=b"{}")),
    "a length of words": refused(headed(b"Content-Length: two", body=b"{}")),
    "a length beyond the bound": refused(headed(b"Content-Length: %d" % (LIMIT + 1)), 413, "body_too_large"),
    "a length of 2^31": refused(headed(b"Content-Length: %d" % 2**31), 413, "body_too_large"),
    "a length of 2^63": refused(headed(b"Content-Length: %d" % 2**63), 413, "body_too_large"),
    "a length of 2^64 - 1": refused(headed(b"Content-Length: %d" % (2**64 - 1)), 413, "body_too_large"),
    "a length of 2^64": refused(headed(b"Content-Length: %d" % 2**64), 413, "body_too_large"),
    "a length of 2^99 to /predict": refused(
        headed(b"Content-Length: %d" % 2**99, line=b"POST /predict HTTP/1.1"), 413, "body_too_large"
    ),
    "a length and chunks": refused(headed(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    "chunks and a length": refused(headed(b"Transfer-Encoding: chunked", b"Content-Length: 2", body=b"0\r\n\r\n")),
    "chunks of HTTP/1.0": refused(chunked(PUSH, line=b"POST / HTTP/1.0")),
    "chunks of gzip": refused(headed(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n")),
    "an unknown transfer encoding": refused(headed(b"Transfer-Encoding: x", body=b"0\r\n\r\n")),
    "a chunk without size": refused(chunked(end=b"\r\n\r\n")),
    "a chunk of words": refused(chunked(end=b"two\r\n{}\r\n")),
    "a negative chunk": refused(chunked(end=b"-2\r\n{}\r\n")),
    "a chunk in 0x": refused(chunked(end=b"0x2\r\n{}\r\n")),
    "a chunk longer than its size": refused(chunked(end=b"1\r\n{}\r\n")),
    "a chunk with bare LF": refused(chunked(end=b"2\n{}\n0\n\n")),
    "a chunk size without end": refused(chunked(end=b"2;" + b"x" * 5000)),
    "a trailer that is no header": refused(chunked(PUSH, end=b"0\r\nnonsense\r\n\r\n")),
    "endless trailers": refused(chunked(end=b"0\r\n" + b"X: y\r\n" * 20_000)),
    "more chunks than content": refused(chunked(*[b" "] * 50_000)),
    "a chunk beyond the bound": refused(chunked(b" " * LIMIT, b" "), 413, "body_too_large"),
    "a chunk of 2^63": refused(chunked(end=b"8000000000000000\r\n{}"), 413, "body_too_large"),
    "chunks beyond the bound to /predict": refused(
        chunked(b" " * LIMIT, b" ", line=b"POST /predict HTTP/1.1"), 413, "body_too_large"
    ),
}  # fmt: skip


@pytest_asyncio.fixture(
    params=[True, False], ids=["fast path", "slow path"], scope="module", loop_scope="module"
)
async def port(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[int]:
    """A worker on each of its HTTP paths."""
    chosen = settings(tmp_path_factory.mktemp("worker"), fast_path=request.param, max_request_bytes=LIMIT)
    async with running(chosen) as address:
        yield int(address.rpartition(":")[2])


async def connected(port: int, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    return reader, writer


async def answered(reader: asyncio.StreamReader, *, body: bool = True) -> tuple[int, bytes]:
    """Read one answer; gives its status and all of its bytes."""
    answer = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", answer)
    if length and body:
        answer += await reader.readexactly(int(length[1]))
    return int(answer.split()[1]), answer


async def exchanged(port: int, *sent: bytes, answers: int = 1) -> tuple[list[int], bool, list[bytes]]:
    """Send pieces and read so many answers; gives their statuses, whether the connection is kept, and the answers."""
    reader, writer = await connected(port)
    for piece in sent:
        writer.write(piece)
        await writer.drain()
    is_head = b"".join(sent[:5]).startswith(b"HEAD")
    found = [await answered(reader, body=not is_head) for _ in range(answers)]
    last = found[-1][1]
    kept = b"connection: close" not in last.lower() and not last.startswith(b"HTTP/1.0")
    if not kept:
        assert await reader.read() == b""
    writer.close()
    return [status for status, _ in found], kept, [answer for _, answer in found]


async def counted(port: int) -> dict[str, float]:
    """How often requests were refused, by cause."""
    _, _, (scraped,) = await exchanged(port, request(b"", line=b"GET /metrics HTTP/1.1"))
    found = re.findall(r'rookery_refused_requests_total{cause="(\w+)"} (\S+)', scraped.decode())
    return {cause: float(count) for cause, count in found}


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages of warnings and errors; none of them with a traceback."""
    reported = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not any(record.exc_info for record in reported)
    return [record.getMessage() for record in reported]


@pytest.mark.parametrize("name", CASES)
async def test_both_paths_answer_alike(port: int, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each request has the same answer on both paths; a refusal is one warning, counted, without a traceback."""
    case, before = CASES[name], await counted(port)
    statuses, kept, answers = await exchanged(port, case.sent, answers=len(case.statuses))
    assert (tuple(statuses), kept) == (case.statuses, case.kept), answers
    after = await counted(port)
    rose = {
        cause: after[cause] - before.get(cause, 0) for cause in after if after[cause] != before.get(cause)
    }
    assert rose == ({case.cause: 1.0} if case.cause else {})
    assert len(warned(caplog)) == (1 if case.cause or {400, 403} & {*case.statuses} else 0)


SHORT: Final = [name for name, case in CASES.items() if len(case.sent) < 1000]


@pytest.mark.parametrize("name", SHORT)
async def test_both_paths_answer_alike_in_pieces(port: int, name: str) -> None:
    """One byte at a time it is the same request, with the same answer; who is not admitted sends no body."""
    case = CASES[name]
    pieces = [case.sent[nth : nth + 1] for nth in range(len(case.sent))]
    statuses, kept, answers = await exchanged(port, *pieces, answers=len(case.statuses))
    assert tuple(statuses) == case.statuses, answers
    assert kept == case.kept or 403 in statuses


@pytest.mark.parametrize("path", [b"/", b"/predict"])
async def test_a_sender_that_expects_100_continue_gets_it(port: int, path: bytes) -> None:
    """As curl does with a body of more than a megabyte: without the answer it waits for a second."""
    body = PUSH if path == b"/" else READING
    head = headed(b"Expect: 100-continue", b"Content-Length: %d" % len(body), line=b"POST %s HTTP/1.1" % path)
    reader, writer = await connected(port, head)
    assert await answered(reader) == (100, b"HTTP/1.1 100 Continue\r\n\r\n")
    writer.write(body)
    assert (await answered(reader))[0] == (204 if path == b"/" else 200)
    writer.close()


HEADS: Final = {
    "found": (request(b"", line=b"HEAD /livez HTTP/1.1"), 200),
    "not found": (request(b"", line=b"HEAD /nowhere HTTP/1.1"), 404),
    "of another method": (request(b"", line=b"HEAD / HTTP/1.1"), 405),
    "of another host": (
        request(b"", line=b"HEAD /livez HTTP/1.1").replace(b"localhost", b"example.org"),
        403,
    ),
}


@pytest.mark.parametrize("name", HEADS)
async def test_a_head_has_no_body_whatever_the_answer(port: int, name: str) -> None:
    """Else the next answer of the connection would begin with it."""
    sent, status = HEADS[name]
    reader, writer = await connected(port, sent + request(b"", line=b"GET /livez HTTP/1.1"))
    assert (await answered(reader, body=False))[0] == status
    assert (await answered(reader))[1].endswith(b"\r\n\r\nalive\n")
    writer.close()


@pytest.mark.parametrize("line", [b"POST / HTTP/1.1", b"POST /predict HTTP/1.1", b"GET /livez HTTP/1.1"])
async def test_a_sender_that_closed_its_side_is_answered(port: int, line: bytes) -> None:
    """Half a close says that no request follows, not that the answer is unwanted."""
    reader, writer = await connected(port, request(PUSH, line=line) * 2)
    writer.write_eof()
    expected = 422 if b"predict" in line else 200 if b"GET" in line else 204
    assert [(await answered(reader))[0] for _ in range(2)] == [expected] * 2
    assert await reader.read() == b""
    writer.close()


ABORTED: Final = {
    "in a head": b"POST / HTTP/1.1\r\nHost: local",
    "behind a head": request()[: -len(PUSH)],
    "in a body": request()[:-1],
    "in a chunk": chunked(PUSH)[:-20],
    "in a body to /predict": request(line=b"POST /predict HTTP/1.1")[:-1],
    "behind a probe": request(b"", line=b"GET /livez HTTP/1.1") + request()[:-1],
}


@pytest.mark.parametrize("name", ABORTED)
@pytest.mark.parametrize("how", ["closed", "half closed", "reset"])
async def test_a_sender_that_leaves_within_a_request_is_a_warning(
    port: int, name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted once, whichever way it leaves; the connection is gone."""
    before = (await counted(port)).get("aborted", 0)
    reader, writer = await connected(port, ABORTED[name])
    if "probe" in name:
        assert (await answered(reader))[0] == 200
    if how == "half closed":
        writer.write_eof()
        assert await reader.read() == b""
    writer.transport.abort() if how == "reset" else writer.close()
    while (await counted(port)).get("aborted", 0) == before:
        pass
    assert (await counted(port))["aborted"] == before + 1
    assert len(warned(caplog)) == 1


async def test_a_sender_that_is_refused_gets_its_answer_though_it_goes_on_sending(port: int) -> None:
    """Closing at once would reset the connection, and the sender would not get its answer."""
    head = headed(b"Content-Length: 50000000")
    statuses, kept, _ = await exchanged(port, head, *[b" " * 1_000_000] * 20)
    assert (statuses, kept) == ([413], False)
