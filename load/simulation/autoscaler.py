"""Autoscaler: Cloud Run's rules for the number of instances, and for how long a request waits for one.

https://cloud.google.com/run/docs/about-instance-autoscaling: instances follow the average of a minute, of CPU and of
concurrency, each with a target of 60 %; requests that no instance can take wait up to 10 s, or 3.5 times a start where that
is longer, and bring new instances on. An idle instance may stay for 15 minutes.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rookery.load.simulation.service import Service

TARGET: Final = 0.6
IDLE_S: Final = 900.0
_WINDOW_S: Final = 60
_LEAST_WAIT_S: Final = 10.0
_STARTS_WAITED: Final = 3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The settings of the service."""

    concurrency: int = 80
    min_instances: int = 0
    max_instances: int = 100


def longest_wait(service: Service) -> float:
    """Seconds that a request waits for an instance before it is refused."""
    return max(_LEAST_WAIT_S, _STARTS_WAITED * service.start)


class Autoscaler:
    """The number of instances that a platform wants, after the latest minute's load; measure it once a second."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._loads: deque[tuple[float, int]] = deque(maxlen=_WINDOW_S)
        self._busy_before = 0.0

    def measure(self, busy: float, held: int) -> None:
        """Note the core seconds so far, and the requests that are in an instance or wait for one."""
        self._loads.append((busy - self._busy_before, held))
        self._busy_before = busy

    def wanted(self, ready: int, pending: int) -> int:
        """How many instances there should be, where so many are ready and so many requests wait for one."""
        cores = sum(load for load, _ in self._loads) / len(self._loads)
        held = sum(load for _, load in self._loads) / len(self._loads)
        wanted = max(
            math.ceil(cores / TARGET),
            math.ceil(held / (TARGET * self._platform.concurrency)),
            # Those that wait bring on as many as they would fill.
            ready + math.ceil(pending / self._platform.concurrency),
        )
        return min(wanted, self._platform.max_instances)
