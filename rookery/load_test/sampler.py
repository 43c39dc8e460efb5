"""Sampler: CPU, memory, queues and batches of worker and broker, sampled once a second during a load test."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Self

import psutil
from prometheus_client.parser import text_string_to_metric_families

from rookery.load.report.sample import Sample

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.load_test.target import TargetAddress

_EVERY_S: Final = 1.0
_ANSWERS_WITHIN_S: Final = 5.0
_ROWS: Final = "rookery_batch_rows"


class Sampler:
    """Writes one Sample a second into a file, from a thread of its own; a context manager.

    A value that does not arrive in time is left out of that second: an overloaded machine is what a load test studies.
    """

    def __init__(self, target: TargetAddress, path: Path) -> None:
        self._target = target
        self._path = path
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler")
        self._processes = {name: psutil.Process(pid) for name, pid in target.pids.items()}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with self._path.open("w", encoding="utf-8") as file:
            while not self._over.wait(_EVERY_S):
                file.write(json.dumps(asdict(self.sample())) + "\n")
                file.flush()

    def sample(self) -> Sample:
        """Take one sample."""
        standing = self._standing()
        metrics = self._metrics()
        usage = {name: each for name, process in self._processes.items() if (each := _usage(process))}
        return Sample(
            at=time.time(),
            cpu={name: cpu for name, (cpu, _) in usage.items()},
            memory={name: memory for name, (_, memory) in usage.items()},
            backlog=standing.get("backlog"),
            outstanding=standing.get("outstanding"),
            acked=standing.get("acked"),
            nacked=standing.get("nacked"),
            window=standing.get("window"),
            batches=metrics.get(f"{_ROWS}_count"),
            batched=metrics.get(f"{_ROWS}_sum"),
            sizes={
                name.removeprefix("le="): value for name, value in metrics.items() if name.startswith("le=")
            },
        )

    def _standing(self) -> dict[str, Any]:
        if not self._target.stats:
            return {}
        try:
            known = json.loads(_get(self._target.stats))["subscriptions"]
        except (OSError, ValueError, KeyError):
            return {}
        standing: dict[str, Any] = known.get(self._target.subscription, {})
        return standing

    def _metrics(self) -> dict[str, float]:
        """The worker's batches: how many, of how many readings, and how many up to each size."""
        if not self._target.worker:
            return {}
        try:
            families = text_string_to_metric_families(_get(f"{self._target.worker}/metrics").decode())
            found = [sample for family in families if family.name == _ROWS for sample in family.samples]
        except (OSError, ValueError):
            return {}
        return {f"le={each.labels['le']}" if each.labels else each.name: each.value for each in found}


def _usage(process: psutil.Process) -> tuple[float, float] | None:
    """Cores and megabytes of a process; None where it has ended."""
    try:
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return float(process.cpu_percent()) / 100, float(process.memory_info().rss) / 1e6
    except psutil.Error:
        return None


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310  http on loopback only
        body: bytes = answer.read()
    return body
