"""`python -m rookery.worker.failing_observers`: the worker whose observers raise at random, one time in three.

A test double: all but the observers is the worker's own. The faults are inside each of them (counters, gauges and
histograms, drift, feature sample, batch log, traces, the form of log lines), so that it meets the guards that a real
defect would meet. FAILING_OBSERVERS_SEED is the seed.
"""

from __future__ import annotations

import os
import random
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import prometheus_client

from rookery.worker.__main__ import main
from rookery.worker.encoding.feature_sample import FeatureSample
from rookery.worker.observability import metrics
from rookery.worker.observability.batch_log import BatchLog
from rookery.worker.observability.drift import Drift
from rookery.worker.observability.logging import JsonFormatter
from rookery.worker.observability.metrics import Metrics
from rookery.worker.observability.tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable

SEED: Final = "FAILING_OBSERVERS_SEED"
SHARE: Final = 1 / 3

_BROKEN: Final[tuple[tuple[Any, str], ...]] = (
    (prometheus_client.Counter, "inc"),
    (metrics, "observe"),
    (Metrics, "__call__"),
    (Drift, "__call__"),
    (Drift, "shifts"),
    (BatchLog, "__call__"),
    (BatchLog, "_write"),
    (Tracing, "__call__"),
    (JsonFormatter, "format"),
    (FeatureSample, "add"),
)


class ObserverFaultError(RuntimeError):
    """An observer failed on purpose."""


def failing(call: Callable[..., Any], dice: random.Random) -> Callable[..., Any]:
    """Let a call raise now and then, before it does anything or when all is done."""

    @wraps(call)
    def maybe(*args: Any, **named: Any) -> Any:
        die = dice.random()
        if die < SHARE / 2:
            raise ObserverFaultError(call.__qualname__)
        done = call(*args, **named)
        if die < SHARE:
            raise ObserverFaultError(call.__qualname__)
        return done

    return maybe


def break_observers(dice: random.Random) -> None:
    """Let every observer of this process fail at random from now on."""
    for owner, name in _BROKEN:
        setattr(owner, name, failing(getattr(owner, name), dice))


if __name__ == "__main__":
    break_observers(random.Random(int(os.environ[SEED])))  # noqa: S311  faults need repeatability, not secrecy
    sys.exit(main())
