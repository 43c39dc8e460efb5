"""ObserverFailures: the one place where defects of what only observes end."""

from __future__ import annotations

import contextlib
import inspect
import logging
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

from prometheus_client import Counter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from prometheus_client import CollectorRegistry

log: Final = logging.getLogger(__name__)

Kind = TypeVar("Kind")


class ObserverFailures:
    """Counts every defect of an observer, logs the first one of each, and lets none reach an answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the counter; nothing has failed yet."""
        self._counter = Counter(
            "rookery_observer_failures",
            "Defects of what only observes (metrics, drift, feature sample, logs, traces); answers go on without it.",
            ["observer"],
            registry=registry,
        )
        self._logged: set[str] = set()

    def of(self, observer: str) -> Contained:
        """A context that any exception inside ends in here; may be entered again and again, by any thread."""
        return Contained(self, observer)

    def note(self, observer: str, error: Exception | None = None) -> None:
        """Count one defect of an observer; never raises, not even where counting or logging is what is broken."""
        with contextlib.suppress(Exception):
            if observer not in self._logged:
                self._logged.add(observer)
                log.error(
                    "observer %s failed; answers go on, further failures are only counted",
                    observer,
                    exc_info=error,
                )
        self.count(observer)

    def count(self, observer: str) -> None:
        """Count one defect whose observer cannot be logged about, for it is the log."""
        with contextlib.suppress(Exception):
            self._counter.labels(observer).inc()


class Contained:
    """A context in which an observer's exceptions end; not a generator, as it is entered for each batch."""

    __slots__ = ("_failures", "_observer")

    def __init__(self, failures: ObserverFailures, observer: str) -> None:
        self._failures = failures
        self._observer = observer

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._failures.note(self._observer, error)
        return True


def only_observes(kind: type[Kind]) -> type[Kind]:
    """Contain the exceptions of every public method that gives nothing back, in what instances keep as `contained`.

    A class and not method by method: one that is added later cannot be forgotten.
    """
    for name, method in list(vars(kind).items()):
        returns = getattr(method, "__annotations__", {}).get("return")
        if inspect.isfunction(method) and not name.startswith("_") and returns in {None, "None"}:
            setattr(kind, name, _contained(method))
    return kind


def _contained(method: Callable[..., None]) -> Callable[..., None]:
    @wraps(method)
    def observing(self: Any, *args: Any, **named: Any) -> None:
        with self.contained:
            method(self, *args, **named)

    return observing
