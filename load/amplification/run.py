"""One message at a real worker, and what it cost: memory, output, and the readings beside it."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from load.amplification.cases import pushed
from load.chaos.process import Process
from load.fuzz.client import Connection
from schemas.segment import segments

if TYPE_CHECKING:
    from load.amplification.cases import Case

ANSWERED_WITHIN_S: Final = 120.0
_SINGLE: Final = b'{"bill_length_mm":40}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one message cost a worker that did nothing else; `status` is 0 where the worker did not survive it.

    `beside` are the seconds until each reading that was pushed meanwhile was answered, one after the other.
    """

    status: int
    seconds: float
    beside: tuple[float, ...]
    resident: int
    """Most bytes of memory at any moment (VmHWM)."""

    taken: int
    """Bytes of the push."""

    written: int
    """Bytes of the lines that it became."""

    tracebacks: int

    @property
    def longest_beside(self) -> float:
        """The slowest answer to a reading that was pushed meanwhile."""
        return max(self.beside, default=0.0)


def cost(case: Case, folder: Path) -> Cost:
    """Push a case to a worker of its own; raises load.chaos.process.Broken where that does not start."""
    settings = {
        "ROOKERY_PORT": "0",
        "ROOKERY_RESULTS": (folder / "predictions").absolute().as_uri(),
        "ROOKERY_REJECTS": (folder / "rejections").absolute().as_uri(),
        "ROOKERY_READY_FILE": str(folder / "worker.ready"),
        "ROOKERY_LOG_LEVEL": "ERROR",
    }
    body = case.body()
    with Process("worker", ["worker"], folder=folder, settings=settings) as worker:
        address = worker.ready_file.read_text()
        status, seconds, beside = asyncio.run(_push(address, body))
        resident = peak(worker.pid) if status else 0
        if status:
            worker.end(signal.SIGTERM)
    singles = len(beside)
    return Cost(
        status=status,
        seconds=seconds,
        beside=tuple(beside),
        resident=resident,
        taken=len(body),
        written=_written(folder, singles),
        tracebacks=len(worker.tracebacks),
    )


def peak(pid: int) -> int:
    """The most bytes that a process ever had in memory (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


async def _push(address: str, body: bytes) -> tuple[int, float, list[float]]:
    """Push a body, and readings one after the other until it is answered."""
    host, port = address.removeprefix("http://").rsplit(":", 1)
    began = time.monotonic()
    large = asyncio.create_task(Connection(host, int(port), answers_within=ANSWERED_WITHIN_S).post("/", body))
    connection = Connection(host, int(port), answers_within=ANSWERED_WITHIN_S)
    beside: list[float] = []
    while not large.done():
        asked = time.monotonic()
        single = pushed(_SINGLE, message_id=f"beside-{len(beside)}", attributes={})
        try:
            await connection.post("/", single)
        except (OSError, EOFError, TimeoutError):
            break
        beside.append(time.monotonic() - asked)
    await connection.close()
    try:
        status = await large
    except (OSError, EOFError, TimeoutError):
        status = 0
    return status, time.monotonic() - began, beside


def _written(folder: Path, singles: int) -> int:
    """The bytes of all lines but those of the readings beside."""
    found = [each.read_bytes() for kind in ("predictions", "rejections") for each in segments(folder / kind)]
    own = [
        line
        for content in found
        for line in content.splitlines(keepends=True)
        if b'"message_id":"beside-' not in line
    ]
    del singles
    return sum(map(len, own))
