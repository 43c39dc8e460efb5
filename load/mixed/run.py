"""One run of mixed traffic: a worker on one core, a hundred connections, every answer counted and every row found."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError

from rookery.load.chaos.process import RestartableProcess
from rookery.load.footprint import Footprint, footprint
from rookery.load.fuzz.client import FuzzConnection
from rookery.load.mixed.account import MixedAccount
from rookery.load.mixed.traffic import MixedTraffic, answered_traffic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS: Final = {False: "rookery.worker", True: "rookery.worker.failing_observers"}
"""The program by whether its observers fail at random."""

CONNECTIONS: Final = 100
_NO_COLLECTOR: Final = "http://127.0.0.1:9"
"""Nothing listens there: that spans cannot be sent is one more thing that must not matter."""

_TRIES_AGAIN_S: Final = 0.2
_MOST_UNREAD: Final = 2_000_000
"""Rows whose lines may wait to be read: a gigabyte, beyond which the load waits for the account."""

_TRIES: Final = 150
"""So that a worker that acknowledges nothing any more ends the run."""

_LOOKS_EVERY_S: Final = 1.0
_ACKNOWLEDGED: Final = 204
_PROBES_WITHIN_S: Final = 10.0
_NACKED: Final = re.compile(r'^rookery_retries_total\{cause="(\w+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The traffic to send: for so many seconds or so many messages (None: no bound), at most so many a second (0: no bound)."""

    folder: Path
    seed: int = 1
    seconds: float | None = None
    messages: int | None = None
    rate: float = 0.0
    failing_observers: bool = False
    core: int | None = None


@dataclass(slots=True)
class MixedFindings:
    """Counts of answers, the worker's footprints, and the outcome of the rows."""

    account: MixedAccount
    statuses: Counter[int] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    not_ready: int = 0
    footprints: list[Footprint] = field(default_factory=list)
    tracebacks: tuple[str, ...] = ()
    missing: int = 0
    exit_code: int = 0

    @property
    def good(self) -> bool:
        """Whether all was answered 204 or 429, each row is there once and right, and nothing but observers failed."""
        failed = [
            each for each in self.tracebacks if "rookery.worker.observability.observer_failures" not in each
        ]
        once = len(set(map(_observer, self.tracebacks))) == len(self.tracebacks)
        return (
            self.statuses.keys() <= {_ACKNOWLEDGED, 429}
            and self.messages == self.statuses[_ACKNOWLEDGED]
            and not (self.missing or self.account.wrongs or self.not_ready or self.exit_code or failed)
            and once
        )


def run(order: Order) -> MixedFindings:
    """Run an order to its end; raises ProcessFailedError where the worker ends by itself."""
    results = order.folder / "predictions"
    settings = {
        "ROOKERY_PORT": "0",
        "ROOKERY_RESULTS": results.absolute().as_uri(),
        "ROOKERY_REJECTS": (order.folder / "rejections").absolute().as_uri(),
        "ROOKERY_READY_FILE": str(order.folder / "worker.ready"),
        "ROOKERY_LOG_LEVEL": "INFO",
        "ROOKERY_TRACING": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": _NO_COLLECTOR,
        "FAILING_OBSERVERS_SEED": str(order.seed),
    }
    worker = RestartableProcess(
        "worker", [WORKERS[order.failing_observers]], folder=order.folder, settings=settings
    )
    with ExitStack() as stack:
        with _only_on(order.core):
            stack.enter_context(worker)
        address = worker.address()
        traffic = answered_traffic(address, Random(order.seed))  # noqa: S311  load needs repeatability, not secrecy
        findings = MixedFindings(MixedAccount(traffic.payloads))
        asyncio.run(_Sending(order, traffic, findings, worker, address).all())
        findings.causes.update(_causes(address))
        findings.exit_code = worker.end(signal.SIGTERM)
    findings.account.collect(results)
    findings.missing = findings.account.missing
    findings.tracebacks = tuple(worker.tracebacks)
    return findings


class _Sending:
    """A hundred connections, and the checks of the worker beside them."""

    def __init__(
        self,
        order: Order,
        traffic: MixedTraffic,
        findings: MixedFindings,
        worker: RestartableProcess,
        address: str,
    ) -> None:
        self._order = order
        self._traffic = traffic
        self._findings = findings
        self._worker = worker
        self._address = address
        self._began = time.monotonic()
        self._read = asyncio.Event()

    async def all(self) -> None:
        """Send all that was ordered; every message until it is acknowledged, or tried often enough."""
        beside = [asyncio.create_task(self._look()), asyncio.create_task(self._collect())]
        async with asyncio.TaskGroup() as group:
            for nth in range(CONNECTIONS):
                group.create_task(self._one(Random(f"{self._order.seed}/{nth}")))  # noqa: S311  as above
        for each in beside:
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each

    async def _one(self, dice: Random) -> None:
        host, port = self._address.removeprefix("http://").rsplit(":", 1)
        connection = FuzzConnection(host, int(port))
        while (number := self._next()) is not None:
            await self._pace(number)
            if self._findings.account.missing > _MOST_UNREAD:
                self._read.clear()
                await self._read.wait()
            nth = self._traffic.draw(dice)
            message_id = f"m{number}x{nth}"
            self._findings.account.expect(message_id, nth)
            body = self._traffic.body(nth, message_id, dice)
            for _ in range(_TRIES):
                if await self._posted(connection, body) == _ACKNOWLEDGED:
                    break
                # As Pub/Sub does it: what was not acknowledged is delivered again, a little later.
                await asyncio.sleep(_TRIES_AGAIN_S)
        await connection.close()

    async def _posted(self, connection: FuzzConnection, body: bytes) -> int:
        try:
            status = await connection.post("/", body)
        except (OSError, EOFError, TimeoutError):
            await connection.close()
            status = 0
        self._findings.statuses[status] += 1
        return status

    def _next(self) -> int | None:
        """The number of the next message, None where no more are to be sent."""
        number = self._findings.messages
        if self._late or (self._order.messages is not None and number >= self._order.messages):
            return None
        self._findings.messages += 1
        return number

    async def _pace(self, number: int) -> None:
        if self._order.rate:
            await asyncio.sleep(self._began + number / self._order.rate - time.monotonic())

    @property
    def _late(self) -> bool:
        seconds = self._order.seconds
        return seconds is not None and time.monotonic() - self._began > seconds

    async def _look(self) -> None:
        """Every second: what the worker holds, and whether it says that it is ready."""
        while True:
            self._findings.footprints.append(footprint(self._worker.pid))
            await asyncio.to_thread(self._ready)
            await asyncio.sleep(_LOOKS_EVERY_S)

    async def _collect(self) -> None:
        """Every second, or as fast as they can be read: which lines are there."""
        while True:
            await asyncio.to_thread(self._findings.account.collect, self._order.folder / "predictions")
            self._read.set()
            await asyncio.sleep(_LOOKS_EVERY_S)

    def _ready(self) -> None:
        try:
            urllib.request.urlopen(f"{self._address}/readyz", timeout=_PROBES_WITHIN_S).close()  # noqa: S310  http on loopback
        except (HTTPError, OSError):
            self._findings.not_ready += 1


def _causes(address: str) -> dict[str, int]:
    """Why messages were nacked, as the worker counted it."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=_PROBES_WITHIN_S) as answer:  # noqa: S310  http on loopback
        return {cause: int(float(times)) for cause, times in _NACKED.findall(answer.read().decode())}


@contextmanager
def _only_on(core: int | None) -> Iterator[None]:
    """Start programs on one core: a child has the affinity of the thread that starts it."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _observer(traceback: str) -> str:
    return traceback.partition("observer ")[2].partition(" ")[0]
