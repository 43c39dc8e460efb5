"""`python -m tools.measure_service FILE`: what a worker's work takes on this machine, for the simulation.

Seconds of CPU, not of the clock, so that a noisy machine changes them little: a worker is pushed singles one at a
time, singles 64 at a time, and tables; the differences are what a batch, a message and a row cost.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
import psutil

from rookery.environment import process as child
from rookery.environment.stats_client import batches
from rookery.load.report.provenance import provenance
from rookery.load.simulation.service import Service
from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ALONE: Final = 1_000
_TOGETHER: Final = 10_000
_CONNECTIONS: Final = 64
_TABLES: Final = 60
_ROWS: Final = 1_000
_ACKED: Final = 204


@dataclass(frozen=True, slots=True)
class MeasuredCost:
    """Seconds of CPU a message, and how many batches there were to a message."""

    seconds: float
    batches: float


def service(alone: MeasuredCost, together: MeasuredCost, tables: MeasuredCost) -> Service:
    """Take the three apart: a batch, a message, a row; none is less than nothing."""
    per_row = max(0.0, (tables.seconds - alone.seconds) / (_ROWS - 1))
    per_batch = max(0.0, (alone.seconds - together.seconds) / (alone.batches - together.batches))
    per_message = max(0.0, together.seconds - per_batch * together.batches - per_row)
    return Service(per_batch=per_batch, per_message=per_message, per_row=per_row)


async def measure(folder: Path) -> Service:
    """Start a worker and measure it; raises UserError and OSError."""
    started = time.monotonic()
    with child.worker(folder, results=folder / "predictions", rejects=folder / "rejections") as worker:
        address = worker.address()
        start = time.monotonic() - started
        factory = ReadingFactory(5)
        singles = [encode(factory.reading()) for _ in range(_TOGETHER)]
        table = encode(factory.table(_ROWS))
        await _push(address, worker.pid, singles[:_ALONE], connections=1)
        alone = await _push(address, worker.pid, singles[:_ALONE], connections=1)
        together = await _push(address, worker.pid, singles, connections=_CONNECTIONS)
        tables = await _push(address, worker.pid, [table] * _TABLES, connections=1)
    found = service(alone, together, tables)
    return Service(
        per_batch=found.per_batch, per_message=found.per_message, per_row=found.per_row, start=start
    )


async def _push(address: str, pid: int, payloads: Sequence[bytes], *, connections: int) -> MeasuredCost:
    """Push payloads over so many connections, and see what it cost the worker."""
    waiting = iter(payloads)
    process, before = psutil.Process(pid), batches(address)
    spent = sum(process.cpu_times()[:2])
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_sender(session, address, waiting))
    spent = sum(process.cpu_times()[:2]) - spent
    return MeasuredCost(spent / len(payloads), batches(address).since(before).batches / len(payloads))


async def _sender(session: aiohttp.ClientSession, address: str, waiting: Iterator[bytes]) -> None:
    for payload in waiting:
        serial = f"{time.monotonic_ns()}-{id(payload)}"
        message = {"data": base64.b64encode(payload).decode(), "messageId": serial, "publishTime": _now()}
        body = json.dumps({"message": message, "subscription": "projects/p/subscriptions/measured"})
        async with session.post(f"{address}/", data=body) as answer:
            if answer.status != _ACKED:
                said = f"the worker answered {answer.status}"
                raise OSError(said)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main() -> int:
    """Measure, and write the file that the simulation reads."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder)))
    where = provenance()
    Path(sys.argv[1]).write_text(
        "# What a worker's work takes in seconds of one core, written by `python -m tools.measure_service`.\n"
        f'date = "{where.date[:10]}"\n'
        f'machine = "{where.processor}, commit {where.commit}, load average {where.load:.1f}"\n'
        f"per_batch = {found.per_batch:.7f}\n"
        f"per_message = {found.per_message:.7f}\n"
        f"per_row = {found.per_row:.8f}\n"
        f"start = {found.start:.1f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
