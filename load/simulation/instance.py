"""SimulatedInstance: one worker under simulated time: group commit, and a sink that gathers."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.load.simulation.service import Service

Request = TypeVar("Request")


class SimulatedInstance(Generic[Request]):
    """Takes requests of `rows` readings each and answers them in groups; `busy` sums the seconds of its core.

    `at(moment, act)` calls `act(moment)` then; `answered(requests, moment)` hears of those that are durable.
    """

    def __init__(
        self,
        service: Service,
        rows: int,
        *,
        at: Callable[[float, Callable[[float], None]], None],
        answered: Callable[[SimulatedInstance[Request], list[Request], float], None],
        ready_at: float,
    ) -> None:
        self.in_flight = 0
        self.busy = 0.0
        self.objects = 0
        self.idle_since = ready_at
        self.active_seconds = 0.0
        self._service = service
        self._rows = rows
        self._at = at
        self._answered = answered
        self._waiting: deque[Request] = deque()
        self._working = False
        self._gathered: list[Request] = []
        self._writing = False
        self._next_write = ready_at

    def take(self, request: Request, now: float) -> None:
        """Take one request in."""
        if not self.in_flight:
            self.active_seconds -= now
        self.in_flight += 1
        self._waiting.append(request)
        self._work(now)

    def active(self, now: float) -> float:
        """Seconds so far in which it had at least one request: what is billed."""
        return self.active_seconds + (now if self.in_flight else 0.0)

    def _work(self, now: float) -> None:
        if self._working or not self._waiting:
            return
        self._working = True
        most = max(1, self._service.batch_rows // self._rows)
        batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        seconds = self._service.seconds(len(batch), len(batch) * self._rows)
        self.busy += seconds
        if self._service.gathers:
            self._at(now + seconds, lambda then: self._gather(batch, then))
        else:
            self._at(now + seconds + self._service.write, lambda then: self._commit(batch, then))

    def _commit(self, batch: list[Request], now: float) -> None:
        """A folder: the batch is durable, the next one may go."""
        self._working = False
        self._answer(batch, now)
        self._work(now)

    def _gather(self, batch: list[Request], now: float) -> None:
        self._working = False
        self._gathered += batch
        self._write(now)
        self._work(now)

    def _write(self, now: float) -> None:
        """Begin a write where the pace allows it, or come back when it does."""
        if self._writing or not self._gathered:
            return
        enough = len(self._gathered) * self._rows >= self._service.flush_rows
        self._writing = True
        begin = now if enough else max(now, self._next_write)
        self._at(begin, self._begin_write)

    def _begin_write(self, now: float) -> None:
        block, self._gathered = self._gathered, []
        self._next_write = now + self._service.flush_interval_seconds
        self.objects += 1
        self._at(now + self._service.write, lambda then: self._written(block, then))

    def _written(self, block: list[Request], now: float) -> None:
        self._writing = False
        self._answer(block, now)
        self._write(now)

    def _answer(self, requests: list[Request], now: float) -> None:
        self.in_flight -= len(requests)
        if not self.in_flight:
            self.active_seconds += now
            self.idle_since = now
        self._answered(self, requests, now)
