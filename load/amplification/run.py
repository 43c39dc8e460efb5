"""One message at a real worker, and what it cost: memory, lines, and the readings beside it."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rookery.load.amplification.cases import pushed
from rookery.load.chaos.process import RestartableProcess
from rookery.load.fuzz.client import FuzzConnection
from rookery.schemas.contract.default import default_contract
from rookery.schemas.segment import segments, whole

if TYPE_CHECKING:
    from rookery.load.amplification.cases import CostlyMessage

MOST_RESIDENT: Final = 600_000_000
"""Bytes that a worker may need for any message within Pub/Sub's limits."""

TIMES: Final = 4
LINE_BYTES: Final = 1_024
"""The lines that a message becomes have at most so many times its bytes, and so many more for each line."""

ANSWERED_WITHIN_S: Final = 120.0
_BESIDE: Final = "beside-"
_SINGLE: Final = b'{"%b":40}' % default_contract().measurements[0].name.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one message for a worker that did little else; `status` is 0 where the worker did not survive it.

    `beside` are the seconds until each reading was answered that was pushed once the message had been sent, one after
    the other, until the message was answered; `overtaking` of them were answered before it. `resident` are the most
    bytes that the worker had in memory at any moment (VmHWM), `taken` and `written` those of push and lines.
    """

    status: int
    seconds: float
    beside: tuple[float, ...]
    overtaking: int
    resident: int
    taken: int
    written: int
    lines: int
    tracebacks: int

    @property
    def longest_beside(self) -> float:
        """The slowest answer to a reading that was pushed meanwhile."""
        return max(self.beside, default=0.0)

    @property
    def most_written(self) -> int:
        """Bytes that the lines may have."""
        return TIMES * self.taken + LINE_BYTES * self.lines


def cost(case: CostlyMessage, folder: Path) -> Cost:
    """Push a case to a worker of its own; raises ProcessFailedError where that does not start or end."""
    settings = {
        "ROOKERY_PORT": "0",
        "ROOKERY_RESULTS": (folder / "predictions").absolute().as_uri(),
        "ROOKERY_REJECTS": (folder / "rejections").absolute().as_uri(),
        "ROOKERY_READY_FILE": str(folder / "worker.ready"),
        "ROOKERY_LOG_LEVEL": "ERROR",
    }
    body = case.body()
    with RestartableProcess("worker", ["rookery.worker"], folder=folder, settings=settings) as worker:
        began = time.monotonic()
        status, beside, overtaking = asyncio.run(_push(worker.address(), body))
        seconds = time.monotonic() - began
        resident = peak(worker.pid) if status else 0
        if status:
            worker.end(signal.SIGTERM)
    lines = _lines(folder)
    return Cost(
        status=status,
        seconds=seconds,
        beside=tuple(beside),
        overtaking=overtaking,
        resident=resident,
        taken=len(body),
        written=sum(map(len, lines)),
        lines=len(lines),
        tracebacks=len(worker.tracebacks),
    )


def peak(pid: int) -> int:
    """The most bytes that a process ever had in memory (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


async def _push(address: str, body: bytes) -> tuple[int, list[float], int]:
    """Push a body and, once it is sent, readings one after the other until it is answered."""
    host, port = address.removeprefix("http://").rsplit(":", 1)
    message = FuzzConnection(host, int(port), answers_within=ANSWERED_WITHIN_S)
    single = FuzzConnection(host, int(port), answers_within=ANSWERED_WITHIN_S)
    await message.send("/", body)
    answered = asyncio.create_task(message.status())
    beside: list[float] = []
    overtaking = 0
    try:
        while not answered.done():
            asked = time.monotonic()
            await single.post("/", pushed(_SINGLE, message_id=f"{_BESIDE}{len(beside)}", attributes={}))
            beside.append(time.monotonic() - asked)
            overtaking += not answered.done()
        return await answered, beside, overtaking
    except (OSError, EOFError, TimeoutError):
        answered.cancel()
        return 0, beside, overtaking
    finally:
        await single.close()
        await message.close()


def _lines(folder: Path) -> list[bytes]:
    """All lines but those of the readings beside."""
    contents = (
        whole(each.read_bytes()) for kind in ("predictions", "rejections") for each in segments(folder / kind)
    )
    mark = f'"message_id":"{_BESIDE}'.encode()
    return [line for content in contents for line in content.splitlines(keepends=True) if mark not in line]
