"""PerSecondStats: what a swarm did in each second, and how near its own ceiling it was."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Self

from rookery.load.percentile import percentile
from rookery.load.renamed import FIELDS, renamed

if TYPE_CHECKING:
    from pathlib import Path

BROKEN_MS: Final = 1000.0
"""Where `stress` ends: the median reading takes longer than a second from publication to durable result."""

_LEAST_S: Final = 0.5
_REMEMBERED_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmTotals:
    """Running totals of the swarm."""

    users: int
    readings: int
    messages: int
    unconfirmed: int
    durable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondStats:
    """One second. Totals so far; latencies in ms of what ended in it (None: nothing did); `at` since 1970.

    `cpu` is the share of one core that the generator took, `lag_ms` the longest that a due greenlet waited.
    """

    at: float
    users: int
    readings: int
    messages: int
    unconfirmed: int
    durable: int
    requests: int
    publish_p50_ms: float | None
    publish_p99_ms: float | None
    durable_p50_ms: float | None
    durable_p99_ms: float | None
    cpu: float
    lag_ms: float


class PerSecondStats:
    """Collects durations in ms and writes a SecondStats a second to a file; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._published: list[float] = []
        self._durable: list[float] = []
        self._lag_ms = 0.0
        self._recent: deque[float | None] = deque(maxlen=_REMEMBERED_S)

    def __enter__(self) -> Self:
        self._file = self._path.open("w", encoding="utf-8")
        self._then, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def published(self, ms: float) -> None:
        """Count one publish request."""
        self._published.append(ms)

    def durable(self, ms: float) -> None:
        """Count one watched reading."""
        self._durable.append(ms)

    def lag(self, ms: float) -> None:
        """Note by how much a sleep took too long."""
        self._lag_ms = max(self._lag_ms, ms)

    @property
    def latency_ms(self) -> float:
        """The median, over the last seconds, of each second's median from publication to durable result."""
        known = sorted(each for each in self._recent if each is not None)
        return percentile(known, 0.5) or 0.0

    def beat(self, totals: SwarmTotals) -> SecondStats:
        """End a second."""
        now, cpu = time.perf_counter(), time.process_time()
        published, durable = sorted(self._published), sorted(self._durable)
        beat = SecondStats(
            at=time.time(),
            **asdict(totals),
            requests=len(published),
            publish_p50_ms=percentile(published, 0.50),
            publish_p99_ms=percentile(published, 0.99),
            durable_p50_ms=percentile(durable, 0.50),
            durable_p99_ms=percentile(durable, 0.99),
            # The last beat may be a moment only, of which a share says nothing.
            cpu=(cpu - self._cpu) / max(_LEAST_S, now - self._then),
            lag_ms=self._lag_ms,
        )
        self._then, self._cpu, self._lag_ms = now, cpu, 0.0
        self._published, self._durable = [], []
        self._recent.append(beat.durable_p50_ms)
        self._file.write(json.dumps(asdict(beat)) + "\n")
        self._file.flush()
        return beat


def beats(path: Path) -> list[SecondStats]:
    """Read a file of beats; raises OSError."""
    return [SecondStats(**renamed(json.loads(line), FIELDS)) for line in path.read_text().splitlines()]
