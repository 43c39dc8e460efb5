"""The statistics that broker and worker serve over HTTP: batch sizes, and the latency of pushes."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from prometheus_client.parser import text_string_to_metric_families

from rookery.load.percentile import percentile

if TYPE_CHECKING:
    from collections.abc import Iterable

_ANSWERS_WITHIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Batches:
    """How many batches there were, and how many readings in all of them."""

    batches: int = 0
    readings: int = 0

    @property
    def mean(self) -> float:
        """Readings a batch; 0 where there was none."""
        return self.readings / self.batches if self.batches else 0.0

    def since(self, before: Self) -> Batches:
        """The batches after an earlier reading of the statistics."""
        return Batches(batches=self.batches - before.batches, readings=self.readings - before.readings)


@dataclass(frozen=True, slots=True)
class Latency:
    """The 50th and 99th percentile of durations, in seconds."""

    p50_s: float
    p99_s: float


def batches(worker: str) -> Batches:
    """Read the histogram of batch sizes at a worker's `/metrics`; raises OSError."""
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(_get(f"{worker}/metrics").decode())
        for sample in family.samples
        if not sample.labels
    }
    return Batches(
        batches=int(values.get("rookery_batch_rows_count", 0)),
        readings=int(values.get("rookery_batch_rows_sum", 0)),
    )


def acknowledged_after(broker: str, subscription: str) -> Latency | None:
    """Read the age of messages at their acknowledgement from the embedded broker; None where the broker keeps none (Google's)."""
    try:
        stats = json.loads(_get(f"http://{broker}/stats"))
        age = stats["subscriptions"][subscription]["age"]
        return Latency(p50_s=float(age["p50"]), p99_s=float(age["p99"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def latency(seconds: Iterable[float]) -> Latency:
    """Summarise durations by nearest rank; NaN where there are none."""
    ordered = sorted(seconds)
    p50_s, p99_s = percentile(ordered, 0.50), percentile(ordered, 0.99)
    return Latency(p50_s=math.nan if p50_s is None else p50_s, p99_s=math.nan if p99_s is None else p99_s)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310  http on loopback only
        body: bytes = answer.read()
    return body
