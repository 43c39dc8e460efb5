"""The fast lane: it knows the push request however its bytes arrive, and hands everything else to aiohttp."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from worker.heads import KNOWN_HEADS, Head, Heads
from worker.lane import HEAD_BYTES, IDLE_SECONDS, REQUEST_SECONDS, Answer, Ends, Lanes, PushLane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

BODY_BYTES = 1000


def head(length: int | str = 2, *, line: str = "POST / HTTP/1.1", **headers: str) -> bytes:
    fields = {
        "Host": "worker",
        "Content-Length": str(length),
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in fields.items()), "", ""]).encode()


@pytest.mark.parametrize(
    "push",
    [
        head(),
        head(0),
        head(BODY_BYTES),
        head(Connection="keep-alive", User_Agent="APIs-Google", Content_Type="application/json"),
        head(Accept_Encoding="gzip, deflate, br", From="noreply@google.com"),
    ],
)
def test_a_push_is_known_by_its_head(push: bytes) -> None:
    """What Pub/Sub sends is the lane's."""
    assert Heads(body_bytes=BODY_BYTES).read(push) is not None


@pytest.mark.parametrize(
    "other",
    [
        head(line="GET / HTTP/1.1"),
        head(line="POST /predict HTTP/1.1"),
        head(line="POST /?x=1 HTTP/1.1"),
        head(line="POST http://worker/ HTTP/1.1"),
        head(line="POST / HTTP/1.0"),
        head(line="nonsense"),
        head(BODY_BYTES + 1),
        head("-1"),
        head("2, 2"),
        head("0x2"),
        head(""),
        head("9" * 5000),
        head(Transfer_Encoding="chunked"),
        head(Connection="close"),
        head(Connection="keep-alive, Upgrade", Upgrade="h2c"),
        head(Expect="100-continue"),
        head(Content_Encoding="gzip"),
        head(X_Goog_Pubsub_Message_Id="7"),
        b"POST / HTTP/1.1\r\nHost: worker\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: worker\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: worker\r\nContent-Length : 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: worker\r\n Content-Length: 2\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_whatever_is_framed_or_addressed_otherwise_is_not_the_lanes(other: bytes) -> None:
    """Odd framing, other paths, other versions: aiohttp knows them all."""
    assert Heads(body_bytes=BODY_BYTES).read(other) is None


def test_a_heads_token_is_read_whole() -> None:
    """The guard sees what the sender sent."""
    sent = head(Authorization="Bearer a.b.c")
    assert Heads(body_bytes=9).read(sent) == Head(length=2, authorization="Bearer a.b.c", size=len(sent))


def test_remembered_heads_are_bounded() -> None:
    """A sender of ever new heads costs time, not memory."""
    heads = Heads(body_bytes=BODY_BYTES)
    for nth in range(KNOWN_HEADS * 2 + 10):
        heads.read(head(User_Agent=str(nth)))
    assert len(heads._known) <= KNOWN_HEADS


class Echo:
    """Answers pushes by what is in them; `held` ones when the test says so."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.held: list[Answer] = []
        self.arrived = asyncio.Event()

    def accept(self, body: bytes, _: Head, answer: Answer) -> None:
        self.bodies.append(body)
        self.arrived.set()
        if body.startswith(b"hold"):
            self.held.append(answer)
        elif body.startswith(b"full"):
            answer(429, "full\n")
        else:
            answer(204)


class Other(asyncio.Protocol):
    """Stands where aiohttp's protocol would: says back what it was handed, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.write(b"OTHER:" + data)
        self.transport.close()


class Bench:
    """A lane served on a loopback port."""

    def __init__(self) -> None:
        self.echo = Echo()
        self.lanes = Lanes()
        ends = Ends(accept=self.echo.accept, other=Other, heads=Heads(body_bytes=BODY_BYTES))
        self.made: list[PushLane] = []

        def make() -> PushLane:
            self.made.append(PushLane(ends, self.lanes))
            return self.made[-1]

        self.make = make
        self.port = 0

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    server = await asyncio.get_running_loop().create_server(bench.make, "127.0.0.1", 0)
    bench.port = server.sockets[0].getsockname()[1]
    yield bench
    server.close()
    bench.lanes.close()
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
    assert bench.echo.bodies == [b"first", b"second", b"full"]
    writer.close()


async def test_pipelined_pushes_are_answered_in_their_order(bench: Bench) -> None:
    """A second request waits until the first is answered, even if its own answer would be quicker."""
    reader, writer = await bench.connect()
    writer.write(head(4) + b"hold" + head(4) + b"full")
    await bench.echo.arrived.wait()
    assert bench.echo.bodies == [b"hold"]
    bench.echo.held[0](204)
    assert [await status(reader), await status(reader)] == [204, 429]
    writer.close()


async def test_what_is_not_the_lanes_is_handed_over_with_all_its_bytes(bench: Bench) -> None:
    """After pushes of its own, the connection and every unanswered byte go to the other protocol."""
    reader, writer = await bench.connect()
    strange = head(line="GET /readyz HTTP/1.1") + b"{}" + head() + b"{}"
    writer.write(head() + b"{}" + strange)
    assert await status(reader) == 204
    assert await reader.read() == b"OTHER:" + strange
    writer.close()


async def test_a_head_without_end_is_handed_over(bench: Bench) -> None:
    """The lane holds no more than the bound of a head."""
    reader, writer = await bench.connect()
    endless = b"POST / HTTP/1.1\r\nX: " + b"x" * (HEAD_BYTES + 1)
    writer.write(endless)
    assert (await reader.readexactly(26)).startswith(b"OTHER:POST / HTTP/1.1")
    writer.close()


async def test_a_caller_who_left_is_answered_to_nobody(bench: Bench) -> None:
    """Its work goes on, and its answer harms no one."""
    _, writer = await bench.connect()
    writer.write(head(4) + b"hold")
    await bench.echo.arrived.wait()
    writer.transport.abort()
    await until(lambda: bench.made[0] not in bench.lanes._open)
    bench.echo.held[0](204)
    reader, other = await bench.connect()
    other.write(head() + b"{}")
    assert await status(reader) == 204
    other.close()


async def test_more_than_one_waiting_request_is_left_in_the_kernel(bench: Bench) -> None:
    """A client that pipelines without reading fills its own socket, not the worker's memory."""
    reader, writer = await bench.connect()
    writer.write(head(4) + b"hold")
    await bench.echo.arrived.wait()
    flood = head(100) + b"x" * 100
    for _ in range(20_000):
        writer.write(flood)
    await until(lambda: bool(bench.made[0]._buffer))
    turns = iter(range(50))
    await until(lambda: next(turns, None) is None)
    assert len(bench.made[0]._buffer) < 1_000_000
    bench.echo.held[0](204)
    assert [await status(reader) for _ in range(20_001)] == [204] * 20_001
    writer.close()


async def test_silent_and_slow_connections_are_late(bench: Bench) -> None:
    """An idle connection has its time, a begun request less, one that waits for its answer as long as it takes."""
    _, writer = await bench.connect()
    writer.write(head(4) + b"hold")
    await bench.echo.arrived.wait()
    lane = bench.made[0]
    start = asyncio.get_running_loop().time()
    assert not lane.late(start + IDLE_SECONDS * 100)
    bench.echo.held[0](204)
    assert not lane.late(start + IDLE_SECONDS - 1)
    assert lane.late(start + IDLE_SECONDS + 10)
    writer.write(head(4)[:10])
    await until(lambda: bool(lane._buffer))
    assert lane.late(asyncio.get_running_loop().time() + REQUEST_SECONDS + 1)
    writer.close()


async def test_closing_ends_every_connection(bench: Bench) -> None:
    """On the way down no client is left waiting for a server that is gone."""
    reader, writer = await bench.connect()
    writer.write(head() + b"{}")
    assert await status(reader) == 204
    bench.lanes.close()
    assert await reader.read() == b""
    writer.close()
