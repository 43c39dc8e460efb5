"""FlowFleet: `Fleet` over groups of instances and cohorts of messages, by the same rules of Cloud Run."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from rookery.load.simulation.autoscaler import IDLE_S, Autoscaler, longest_wait
from rookery.load.simulation.cohorts import Cohort, CohortQueue, counted
from rookery.load.simulation.instance_group import InstanceGroup

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.load.simulation.autoscaler import Platform
    from rookery.load.simulation.service import Service

MOST_GROUPS: Final = 6
"""Groups beyond which new instances join the smallest one: they bound the events of a long simulation."""


class FlowFleet:
    """Routes cohorts to groups of instances and scales them; call `scale` each second."""

    def __init__(  # noqa: PLR0913  as Fleet's
        self,
        service: Service,
        platform: Platform,
        rows: int,
        *,
        at: Callable[[float, Callable[[float], None]], None],
        answered: Callable[[list[Cohort], float], None],
        refused: Callable[[list[Cohort], float], None],
    ) -> None:
        self.starts = 0
        self._service = service
        self._platform = platform
        self._rows = rows
        self._at = at
        self._tell = answered
        self._refused = refused
        self._groups: deque[InstanceGroup] = deque()
        self._retired: list[InstanceGroup] = []
        self._starting = 0
        self._pending: deque[tuple[CohortQueue, float]] = deque()
        self._autoscaler = Autoscaler(platform)
        if platform.min_instances:
            self._add(platform.min_instances, 0.0)

    @property
    def ready(self) -> int:
        """Instances that take messages."""
        return sum(each.weight for each in self._groups)

    @property
    def pending(self) -> int:
        """Messages that no instance could take."""
        return sum(waiting.count for waiting, _ in self._pending)

    @property
    def everyone(self) -> list[InstanceGroup]:
        """All groups that ever were."""
        return [*self._retired, *self._groups]

    def arrive(self, cohorts: list[Cohort], now: float) -> None:
        """Hand messages to the instances, or let them wait."""
        waiting = CohortQueue()
        waiting.put(cohorts)
        self._pending.append((waiting, now))
        self._serve_pending(now)
        if self._pending and not self._starting:
            self._start(1, now)

    def scale(self, now: float) -> None:
        """A second has passed: measure, refuse what waited too long, start and end instances."""
        in_flight = sum(each.in_flight for each in self._groups)
        self._autoscaler.measure(sum(each.busy for each in self.everyone), in_flight + self.pending)
        self._refuse(now)
        self._start(self._autoscaler.wanted(self.ready, self.pending) - self.ready - self._starting, now)
        self._end_idle(now)

    def _start(self, count: int, now: float) -> None:
        count = min(count, self._platform.max_instances - self.ready - self._starting)
        if count > 0:
            self._starting += count
            self._at(now + self._service.start, lambda then: self._started(count, then))

    def _started(self, count: int, now: float) -> None:
        self._starting -= count
        self._add(count, now)
        self._serve_pending(now)

    def _add(self, count: int, now: float) -> None:
        self.starts += count
        if len(self._groups) >= MOST_GROUPS:
            smallest = min(self._groups, key=lambda each: each.weight)
            smallest.measure(now)
            smallest.weight += count
            return
        self._groups.append(
            InstanceGroup(
                self._service, self._rows, count, at=self._at, answered=self._answered, ready_at=now
            )
        )

    def _answered(self, cohorts: list[Cohort], now: float) -> None:
        self._tell(cohorts, now)
        self._serve_pending(now)

    def _serve_pending(self, now: float) -> None:
        while self._pending:
            waiting = self._pending[0][0]
            shares = self._shares(waiting.count)
            if not shares:
                return
            for group, count in shares:
                group.take(waiting.take(count), now)
            if waiting.count:
                return
            self._pending.popleft()

    def _shares(self, count: int) -> list[tuple[InstanceGroup, int]]:
        """Give each instance an equal share, as far as its concurrency goes; what is over goes to them in turn."""
        free = {
            each: places
            for each in self._groups
            if (places := each.weight * self._platform.concurrency - each.in_flight) > 0
        }
        shares: Counter[InstanceGroup] = Counter()
        left, weight = count, sum(each.weight for each in free)
        # Groups with the least free places for an instance first: what they cannot take goes to the others.
        for group in sorted(free, key=lambda each: free[each] / each.weight):
            shares[group] = min(free[group], left * group.weight // weight)
            weight -= group.weight
            left -= shares[group]
        for _ in range(len(self._groups)):
            group = self._groups[0]
            over = min(left, group.weight, free.get(group, 0) - shares[group])
            if over > 0:
                shares[group] += over
                left -= over
            if not left:
                break
            self._groups.rotate(-1)
        return [(group, share) for group, share in shares.items() if share]

    def _refuse(self, now: float) -> None:
        late: list[Cohort] = []
        while self._pending and now - self._pending[0][1] > longest_wait(self._service):
            waiting, _ = self._pending.popleft()
            late += waiting.take(waiting.count)
        if counted(late):
            self._refused(late, now)

    def _end_idle(self, now: float) -> None:
        for group in list(self._groups):
            spare = self.ready - self._platform.min_instances
            if group.in_flight or now - group.idle_since <= IDLE_S or spare <= 0:
                continue
            if spare < group.weight:
                group.weight -= spare
            else:
                self._groups.remove(group)
                self._retired.append(group)
