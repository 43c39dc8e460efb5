"""A real worker under connections that mean it no good: its memory is bounded meanwhile, and given back afterwards."""

from __future__ import annotations

import asyncio
import gzip
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

from tests.worker.http.test_rules import PUSH, answered, chunked, connected, headed, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEGABYTE: Final = 1024 * 1024
ARRIVING: Final = 32 * MEGABYTE
BESIDE: Final = 40 * MEGABYTE
"""Memory that a worker may need beside the arriving bytes: one body unpacked, and one that is parsed."""

LEFT: Final = 20 * MEGABYTE
CONNECTIONS: Final = 200


@dataclass(frozen=True)
class Worker:
    """A process, its port, and what it says of itself."""

    pid: int
    port: int
    log: Path

    async def gauge(self, name: str) -> float:
        reader, writer = await connected(self.port, request(b"", line=b"GET /metrics HTTP/1.1"))
        _, scraped = await answered(reader)
        writer.close()
        found = re.search(rf"^{name} (\S+)", scraped.decode(), re.MULTILINE)
        assert found is not None
        return float(found[1])

    def peak(self) -> int:
        """The most memory that it had since `forget_peak`, in bytes."""
        reported = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", reported)
        assert found is not None
        return int(found[1]) * 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@pytest_asyncio.fixture(
    params=["true", "false"], ids=["fast path", "slow path"], scope="module", loop_scope="module"
)
async def worker(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Worker]:
    """A worker on each of its HTTP paths, with small bounds and short timeouts."""
    folder = tmp_path_factory.mktemp("worker")
    ready, log = folder / "ready", folder / "log"
    chosen = {
        "ROOKERY_FAST_PATH": request.param,
        "ROOKERY_PORT": "0",
        "ROOKERY_READY_FILE": str(ready),
        "ROOKERY_RESULTS": (folder / "results").as_uri(),
        "ROOKERY_REJECTS": (folder / "rejects").as_uri(),
        "ROOKERY_ARRIVING_BYTES": str(ARRIVING),
        "ROOKERY_REQUEST_SECONDS": "2",
    }
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "rookery.worker", env=chosen, stderr=stream
        )
        while not ready.exists() and process.returncode is None:  # noqa: ASYNC110  a file offers no event
            await asyncio.sleep(0.05)  # no event says that the file has changed
        yield Worker(process.pid, int(ready.read_text().rpartition(":")[2]), log)
        process.terminate()
        await process.wait()


BODY: Final = b" " * MEGABYTE
BOMB: Final = gzip.compress(bytes(30 * MEGABYTE))
GET: Final = request(b"", line=b"GET /metrics HTTP/1.1")
LONG: Final = b"Content-Length: 15000000"
PREDICT: Final = b"POST /predict HTTP/1.1"

SLOW: Final = {
    "unfinished bodies": headed(LONG) + BODY,
    "unfinished bodies to /predict": headed(LONG, line=PREDICT) + BODY,
    "slow bodies": headed(LONG),
    "slow bodies to /predict": headed(LONG, line=PREDICT),
    "slow bodies behind a GET": GET + headed(LONG) + b" ",
    "slow chunks": headed(b"Transfer-Encoding: chunked") + b"100000\r\n" + b" " * 100_000,
    "slow chunks to /predict": headed(b"Transfer-Encoding: chunked", line=PREDICT) + b"100000\r\n ",
    "slow heads": request()[:20],
    "slow large heads": headed(b"X: " + b"x" * 60_000)[:-4],
}
"""Requests that are not whole, and that more bytes do not make whole."""

SORTS: Final = {
    **SLOW,
    "large heads": request(PUSH, b"X-%08d: " + b"x" * 60_000),
    "tiny chunks": chunked(*[b" "] * 50_000),
    "gzip bombs": request(BOMB, b"Content-Encoding: gzip"),
    "what is not gzip": request(PUSH * 10, b"Content-Encoding: gzip"),
    "pipelines": request() * 1000,
    "idle after a GET": GET,
    "silence": b"",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00",
    "expectations": headed(b"Expect: 100-continue", LONG),
}


async def status_beside(worker: Worker) -> int:
    """The status of a push beside all others; it is retried where the queue was full, as Pub/Sub does."""
    reader, writer = await connected(worker.port, request())
    status, _ = await answered(reader)
    writer.close()
    return status


@pytest.mark.parametrize("sort", SORTS)
async def test_memory_is_bounded_and_given_back(worker: Worker, sort: str) -> None:
    """Of each sort many at once: little more than what may be arriving is held, a push beside is answered, nothing stays."""
    assert await status_beside(worker) == 204
    files = await worker.gauge("process_open_fds")
    before = await worker.gauge("process_resident_memory_bytes")
    worker.forget_peak()
    sent = SORTS[sort]
    # As much as the worker takes of it, and no head twice.
    writers = [
        (await connected(worker.port, sent.replace(b"%08d", b"%08d" % nth)))[1] for nth in range(CONNECTIONS)
    ]
    assert await status_beside(worker) == 204
    for writer in writers:
        writer.transport.abort()
    # Asked again and again until it holds; the time for a test is the only bound.
    while await worker.gauge("process_open_fds") > files:
        pass
    assert worker.peak() < before + ARRIVING + ARRIVING / 4 + BESIDE
    while await worker.gauge("process_resident_memory_bytes") > before + LEFT:
        pass
    assert b"Traceback" not in worker.log.read_bytes()


async def test_more_connections_are_served_than_a_shell_allows_files(worker: Worker) -> None:
    """The limit that a process is started with is raised to the one that its user has."""
    limits = Path(f"/proc/{worker.pid}/limits").read_text()
    found = re.search(r"Max open files\s+(\S+)\s+(\S+)", limits)
    assert found is not None
    assert found[1] == found[2]


async def test_slow_senders_get_an_answer_and_their_connections_end(worker: Worker) -> None:
    """They go on sending, a byte whenever another request was answered; one clock ends them all the same."""
    connections = [await connected(worker.port, sent) for sent in SLOW.values()]
    ends = asyncio.gather(*(reader.read() for reader, _ in connections))
    while not ends.done():
        assert await status_beside(worker) == 204
        for _, writer in connections:
            writer.write(b"x")
    assert {name: b" 408 " in end for name, end in zip(SLOW, ends.result(), strict=True)} == dict.fromkeys(
        SLOW, True
    )
    for _, writer in connections:
        writer.close()
