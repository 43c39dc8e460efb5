"""Fleet: instances under Cloud Run's rules for concurrency, scaling and waiting requests."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic

from rookery.load.simulation.autoscaler import IDLE_S, Autoscaler, longest_wait
from rookery.load.simulation.instance import Request, SimulatedInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rookery.load.simulation.autoscaler import Platform
    from rookery.load.simulation.service import Service


class Fleet(Generic[Request]):
    """Routes requests to instances and scales them; call `scale` each second.

    `refused(requests, now)` hears of those that waited too long.
    """

    def __init__(  # noqa: PLR0913  a composition's choices, all but three by keyword
        self,
        service: Service,
        platform: Platform,
        rows: int,
        *,
        at: Callable[[float, Callable[[float], None]], None],
        answered: Callable[[list[Request], float], None],
        refused: Callable[[list[Request], float], None],
    ) -> None:
        self.retired: list[SimulatedInstance[Request]] = []
        self.starts = 0
        self._service = service
        self._platform = platform
        self._rows = rows
        self._at = at
        self._tell = answered
        self._refused = refused
        self._instances: deque[SimulatedInstance[Request]] = deque()
        self._starting = 0
        self._pending: deque[tuple[Request, float]] = deque()
        self._autoscaler = Autoscaler(platform)
        for _ in range(platform.min_instances):
            self._add(0.0)

    @property
    def ready(self) -> int:
        """Instances that take requests."""
        return len(self._instances)

    @property
    def pending(self) -> int:
        """Requests that no instance could take."""
        return len(self._pending)

    @property
    def everyone(self) -> list[SimulatedInstance[Request]]:
        """All that ever were."""
        return [*self.retired, *self._instances]

    def arrive(self, requests: Iterable[Request], now: float) -> None:
        """Hand requests to instances in turn, or let them wait."""
        for request in requests:
            instance = self._free()
            if instance is None:
                self._pending.append((request, now))
            else:
                instance.take(request, now)
        if self._pending and not self._starting:
            self._start(1, now)

    def scale(self, now: float) -> None:
        """A second has passed: measure, refuse who waited too long, start and end instances."""
        in_flight = sum(each.in_flight for each in self._instances)
        self._autoscaler.measure(sum(each.busy for each in self.everyone), in_flight + self.pending)
        self._refuse(now)
        self._start(self._autoscaler.wanted(self.ready, self.pending) - self.ready - self._starting, now)
        self._end_idle(now)

    def _free(self) -> SimulatedInstance[Request] | None:
        for _ in range(len(self._instances)):
            instance = self._instances[0]
            self._instances.rotate(-1)
            if instance.in_flight < self._platform.concurrency:
                return instance
        return None

    def _start(self, count: int, now: float) -> None:
        free = self._platform.max_instances - self.ready - self._starting
        for _ in range(min(count, free)):
            self._starting += 1
            self._at(now + self._service.start, self._started)

    def _started(self, now: float) -> None:
        self._starting -= 1
        self._add(now)
        self._serve_pending(now)

    def _add(self, now: float) -> None:
        self.starts += 1
        made: SimulatedInstance[Request] = SimulatedInstance(
            self._service, self._rows, at=self._at, answered=self._answered, ready_at=now
        )
        self._instances.append(made)

    def _answered(self, _instance: SimulatedInstance[Request], requests: list[Request], now: float) -> None:
        self._tell(requests, now)
        self._serve_pending(now)

    def _serve_pending(self, now: float) -> None:
        while self._pending and (instance := self._free()) is not None:
            instance.take(self._pending.popleft()[0], now)

    def _refuse(self, now: float) -> None:
        late = []
        while self._pending and now - self._pending[0][1] > longest_wait(self._service):
            late.append(self._pending.popleft()[0])
        if late:
            self._refused(late, now)

    def _end_idle(self, now: float) -> None:
        for instance in list(self._instances):
            idle = not instance.in_flight and now - instance.idle_since > IDLE_S
            if idle and self.ready > self._platform.min_instances:
                self._instances.remove(instance)
                self.retired.append(instance)
