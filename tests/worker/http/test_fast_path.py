"""The HTTP protocol: it reads requests however their bytes arrive, answers each one time, and bounds the time of each."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from rookery.worker.auth.policy import AuthenticationFailure, PermissionDeniedError
from rookery.worker.http.admission import Admission
from rookery.worker.http.endpoints import Answer, Endpoints
from rookery.worker.http.fast_path import HttpProtocol
from rookery.worker.http.responses import Response
from rookery.worker.http.router import Router
from rookery.worker.http.wire.connection import IDLE_SECONDS, LINGER_SECONDS
from rookery.worker.http.wire.connections import ConnectionRegistry
from rookery.worker.http.wire.head_cache import RequestHeadCache
from rookery.worker.http.wire.refused_request import RefusedRequestError
from rookery.worker.observability.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rookery.worker.http.whole_request import WholeRequest

MAX_REQUEST_BYTES = 1000
BUDGET = 4_000_000
REQUEST_SECONDS = 30.0


def head(length: int | str = 2, *, line: str = "POST / HTTP/1.1", **headers: str) -> bytes:
    fields = {
        "Host": "worker",
        "Content-Length": str(length),
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in fields.items()), "", ""]).encode()


GET = head(0, line="GET /readyz HTTP/1.1")


class RecordingHandler:
    """Answers pushes by what is in them; `held` ones when the test says so."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.held: list[Answer] = []
        self.arrived = asyncio.Event()

    def accept(self, body: bytes, answer: Answer) -> None:
        self.bodies.append(body)
        self.arrived.set()
        if body.startswith(b"hold"):
            self.held.append(answer)
        elif body.startswith(b"full"):
            answer(429, "full\n")
        elif body.startswith(b"bug!"):
            raise ZeroDivisionError
        else:
            answer(204)


class OneToken:
    """Knows one token, denies every other, fails over one, and makes `slow` ones wait."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()

    def known(self, authorization: str | None) -> bool:
        return authorization == "known"

    async def admit(self, authorization: str | None) -> None:
        self.asked.set()
        if authorization == "slow":
            await self.gate.wait()
        elif authorization == "bug!":
            raise ZeroDivisionError
        else:
            raise PermissionDeniedError("token", "another token is needed")


class Bench:
    """The protocol served on a loopback port, with handlers of three paths behind it."""

    def __init__(self) -> None:
        self.handler = RecordingHandler()
        self.guard: OneToken | None = None
        self.failures: list[str] = []
        self.heads = RequestHeadCache(max_request_bytes=MAX_REQUEST_BYTES)
        self.registry = ConnectionRegistry(most_bytes=BUDGET, on_tick=self.heads.expire)
        self.routes = Router(
            {("GET", "/readyz"): self.ready, ("POST", "/predict"): self.repeat, ("POST", "/bug"): self.bug}
        )
        self.made: list[HttpProtocol] = []
        self.port = 0

    async def ready(self, _: WholeRequest) -> Response:
        return Response(b"ready")

    async def repeat(self, request: WholeRequest) -> Response:
        return Response(request.body * 1000)

    async def bug(self, _: WholeRequest) -> Response:
        raise ZeroDivisionError

    def failed(self, error: BaseException) -> AuthenticationFailure:
        self.failures.append(error.cause if isinstance(error, RefusedRequestError) else type(error).__name__)
        status = error.status if isinstance(error, RefusedRequestError) else 503
        return AuthenticationFailure(status, f"{error}\n")

    def make(self) -> HttpProtocol:
        endpoints = Endpoints(
            accept=self.handler.accept,
            begin=self.routes.begin,
            admission=Admission(self.guard, Metrics()),
            heads=self.heads,
            failed=self.failed,
            unpacking=asyncio.Lock(),
            max_request_bytes=MAX_REQUEST_BYTES,
            request_seconds=REQUEST_SECONDS,
        )
        self.made.append(HttpProtocol(endpoints, self.registry))
        return self.made[-1]

    async def connect(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        return reader, writer

    async def lose(self, connection: HttpProtocol) -> None:
        """Break a connection, as a network does."""
        assert connection._transport is not None
        connection._transport.abort()
        await until(lambda: connection not in self.registry._open)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    server = await asyncio.get_running_loop().create_server(bench.make, "127.0.0.1", 0)
    bench.port = server.sockets[0].getsockname()[1]
    yield bench
    server.close()
    bench.registry.close()
    await bench.routes.close(1)
    await server.wait_closed()


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until the server's own transport has seen what happened."""
    while not holds():  # noqa: ASYNC110  the transport offers no event to wait for
        await asyncio.sleep(0)  # a turn of the loop, no time


async def status(reader: asyncio.StreamReader) -> int:
    answer = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in answer.split(b"\r\n") if line.startswith(b"Content-Length:")), 0
    )
    await reader.readexactly(length)
    return int(answer.split()[1])


@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_a_push_is_answered_however_its_bytes_arrive(bench: Bench, piece: int) -> None:
    """One byte at a time or all at once: the same requests, each answered on the connection kept alive."""
    reader, writer = await bench.connect()
    sent = head(5) + b"first" + head(6) + b"second" + head(4) + b"full"
    for start in range(0, len(sent), piece):
        writer.write(sent[start : start + piece])
        await writer.drain()
    assert [await status(reader) for _ in range(3)] == [204, 204, 429]
    assert bench.handler.bodies == [b"first", b"second", b"full"]
    writer.close()


async def test_pipelined_requests_are_answered_in_their_order(bench: Bench) -> None:
    """A second request waits until the first is answered, whichever path serves it and would be quicker."""
    reader, writer = await bench.connect(head(4) + b"hold" + head(4) + b"full" + GET + head() + b"{}")
    await bench.handler.arrived.wait()
    assert bench.handler.bodies == [b"hold"]
    bench.handler.held[0](204)
    assert [await status(reader) for _ in range(4)] == [204, 429, 200, 204]
    writer.close()


async def test_a_push_behind_another_request_takes_the_fast_path_again(bench: Bench) -> None:
    """A request that is no push goes to its handler, and nothing else of the connection does."""
    reader, writer = await bench.connect()
    for sent, expected in ((head() + b"{}", 204), (GET, 200), (head() + b"{}", 204)):
        writer.write(sent)
        assert await status(reader) == expected
    assert bench.handler.bodies == [b"{}", b"{}"]
    writer.close()


async def test_the_answer_to_a_caller_that_left_is_dropped(bench: Bench) -> None:
    """Its work goes on, and its answer harms no one."""
    _, writer = await bench.connect(head(4) + b"hold")
    await bench.handler.arrived.wait()
    await bench.lose(bench.made[0])
    bench.handler.held[0](204)
    writer.close()
    reader, other = await bench.connect(head() + b"{}")
    assert await status(reader) == 204
    assert bench.failures == []
    other.close()


async def test_more_than_one_waiting_request_is_left_in_the_kernel(bench: Bench) -> None:
    """A client that pipelines without reading fills its own socket, not the worker's memory."""
    reader, writer = await bench.connect(head(4) + b"hold")
    await bench.handler.arrived.wait()
    flood = head(100) + b"x" * 100
    for _ in range(20_000):
        writer.write(flood)
    await until(lambda: bool(bench.made[0]._reader.buffer))
    turns = iter(range(50))
    await until(lambda: next(turns, None) is None)
    assert bench.made[0]._reader.held < 1_000_000
    bench.handler.held[0](204)
    assert [await status(reader) for _ in range(20_001)] == [204] * 20_001
    writer.close()


async def test_a_failure_answers_503_once_and_ends_the_connection(bench: Bench) -> None:
    """The last resort: whatever a request runs into, on either path, its sender is not left without an answer."""
    for sent in (head(4) + b"bug!", head(0, line="POST /bug HTTP/1.1")):
        for _ in range(2):
            reader, writer = await bench.connect(sent)
            assert await status(reader) == 503
            assert await reader.read() == b""
            writer.close()
    assert bench.failures == ["ZeroDivisionError"] * 4


async def test_only_the_first_answer_of_a_request_counts(bench: Bench) -> None:
    """After a last one, none is given: it would be taken for the next request's."""
    reader, writer = await bench.connect(head(4) + b"hold" + head() + b"{}")
    await bench.handler.arrived.wait()
    bench.handler.held[0](503, "a defect\n", last=True)
    bench.handler.held[0](204)
    assert await status(reader) == 503
    assert await reader.read() == b""
    assert bench.handler.bodies == [b"hold"]
    writer.close()


async def test_an_unauthenticated_sender_is_refused_before_its_body_arrives(bench: Bench) -> None:
    """Nothing of a body is read for who is not admitted; those who are known do not wait for them."""
    bench.guard = OneToken()
    for token, line, expected in (
        ("forged", "POST / HTTP/1.1", 401),
        ("forged", "POST /predict HTTP/1.1", 401),
        ("forged", "POST /nowhere HTTP/1.1", 401),
        ("forged", "GET /readyz HTTP/1.1", 401),
        ("bug!", "POST / HTTP/1.1", 503),
    ):
        reader, writer = await bench.connect(head(900, line=line, Authorization=token))
        assert await status(reader) == expected
        writer.close()
    reader, writer = await bench.connect(head(Authorization="known") + b"{}" + GET)
    assert [await status(reader), await status(reader)] == [204, 200]
    assert bench.handler.bodies == [b"{}"]
    writer.close()


async def test_a_refused_sender_whose_body_is_here_keeps_its_connection(bench: Bench) -> None:
    """A push with an expired token costs no new connection."""
    bench.guard = OneToken()
    reader, writer = await bench.connect(
        (head(Authorization="forged") + b"{}") * 2 + head(Authorization="known") + b"{}"
    )
    assert [await status(reader) for _ in range(3)] == [401, 401, 204]
    assert bench.handler.bodies == [b"{}"]
    writer.close()


async def test_what_arrives_while_a_sender_is_asked_for_waits(bench: Bench) -> None:
    """A slow answer about a token is no reason to read on, and none to lose what came."""
    guard = bench.guard = OneToken()
    reader, writer = await bench.connect(head(4, Authorization="slow") + b"fi")
    await guard.asked.wait()
    writer.write(b"rs" + head(Authorization="known") + b"{}")
    await until(lambda: bench.made[0]._reader.held > 4)
    guard.gate.set()
    assert [await status(reader), await status(reader)] == [204, 204]
    assert bench.handler.bodies == [b"firs", b"{}"]
    writer.close()


async def test_a_sender_that_left_while_it_was_asked_for_is_forgotten(bench: Bench) -> None:
    """The result of its authentication is dropped."""
    guard = bench.guard = OneToken()
    _, writer = await bench.connect(head(4, Authorization="slow"))
    await guard.asked.wait()
    connection = bench.made[0]
    await bench.lose(connection)
    guard.gate.set()
    assert connection._task is not None
    await connection._task
    assert bench.handler.bodies == []
    writer.close()


SLOW = {
    "a head": head()[:-10],
    "a large head": head(X="x" * 20_000)[:-10],
    "a body": head(5) + b"firs",
    "a body to /predict": head(5, line="POST /predict HTTP/1.1") + b"firs",
    "a chunk": head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"5\r\nfirs",
    "a body behind a push": head() + b"{}" + head(5) + b"firs",
    "a body behind a GET": GET + head(5) + b"firs",
    "empty lines": b"\r\n\r\n",
}


@pytest.mark.parametrize("name", SLOW)
async def test_a_request_that_does_not_arrive_in_its_time_is_answered_408(bench: Bench, name: str) -> None:
    """One clock for all requests: from the first byte on, and no further byte sets it back."""
    reader, writer = await bench.connect(SLOW[name])
    if "behind" in name:
        assert await status(reader) in {200, 204}
    await until(lambda: bool(bench.made and not bench.made[0]._idle and not bench.made[0]._busy))
    connection, begun = bench.made[0], bench.made[0]._since
    connection.tick(begun + REQUEST_SECONDS - 1)
    bench.registry.now = begun + REQUEST_SECONDS - 1
    writer.write(b"X" if "head" in name else b"")
    connection.tick(begun + REQUEST_SECONDS + 1)
    assert await status(reader) == 408
    assert await reader.read() == b""
    assert bench.failures == ["slow"]
    writer.close()


async def test_a_silent_connection_is_closed_whatever_it_asked_before(bench: Bench) -> None:
    """Idle connections have their time; one that waits for its answer has as long as it takes."""
    reader, writer = await bench.connect(head(4) + b"hold")
    await bench.handler.arrived.wait()
    connection = bench.made[0]
    connection.tick(connection._since + 100 * IDLE_SECONDS)
    bench.handler.held[0](204)
    assert await status(reader) == 204
    writer.write(GET)
    assert await status(reader) == 200
    await until(lambda: connection._idle)
    connection.tick(connection._since + IDLE_SECONDS - 1)
    assert not reader.at_eof()
    connection.tick(connection._since + IDLE_SECONDS + 1)
    assert await reader.read() == b""
    assert bench.failures == []
    writer.close()


async def test_a_refused_sender_that_goes_on_sending_is_cut_off(bench: Bench) -> None:
    """Its answer is there to be read for a while, and then the connection is gone."""
    reader, writer = await bench.connect(b"nonsense")
    assert await status(reader) == 400
    connection = bench.made[0]
    writer.write(head() + b"{}")
    connection.tick(connection._since + LINGER_SECONDS + 1)
    await until(lambda: connection not in bench.registry._open)
    assert bench.handler.bodies == []
    writer.close()


async def test_a_sender_that_does_not_take_its_answer_is_cut_off(bench: Bench) -> None:
    """An answer has to go on leaving; while it does, however slowly, the connection stays."""
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(peer, ("127.0.0.1", bench.port))
        await until(lambda: bool(bench.registry._open))
        connection, transport = bench.made[0], bench.made[0]._transport
        assert transport is not None
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await loop.sock_sendall(
            peer, head(MAX_REQUEST_BYTES, line="POST /predict HTTP/1.1") + b"x" * MAX_REQUEST_BYTES
        )
        await until(lambda: connection._choked)
        connection.tick(begun := connection._since + 100)
        before = transport.get_write_buffer_size()
        while transport.get_write_buffer_size() == before:
            await loop.sock_recv(peer, 65_536)
        connection.tick(begun + REQUEST_SECONDS + 1)
        connection.tick(begun + 2 * REQUEST_SECONDS)
        assert connection in bench.registry._open
        connection.tick(begun + 2 * REQUEST_SECONDS + 2)
        await until(lambda: connection not in bench.registry._open)
    assert bench.failures == ["slow"]


async def test_closing_ends_every_connection(bench: Bench) -> None:
    """On the way down no client is left waiting for a server that is gone."""
    reader, writer = await bench.connect(head() + b"{}")
    assert await status(reader) == 204
    bench.registry.close()
    assert await reader.read() == b""
    writer.close()


async def test_nothing_is_held_once_its_connections_are_gone(bench: Bench) -> None:
    """The bytes of a connection are no longer counted when it has ended, at any point of a request."""
    writers = [
        (await bench.connect(sent))[1] for sent in (*SLOW.values(), head(4) + b"hold" + SLOW["a body"])
    ]
    await until(lambda: len(bench.made) == len(writers) and bench.registry.unauthenticated._total > 20_000)
    await bench.handler.arrived.wait()
    for writer in writers:
        writer.transport.abort()
    await until(lambda: len(bench.registry._open) == 1)
    bench.handler.held[0](204)
    await until(lambda: not bench.registry._open)
    assert (bench.registry.admitted._total, bench.registry.unauthenticated._total) == (0, 0)
