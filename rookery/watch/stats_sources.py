"""StatsSources: the statistics of a worker and of the embedded broker for the page; both may be absent."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.samples import Sample

_ANSWERS_WITHIN: Final = aiohttp.ClientTimeout(total=2.0)

_GAUGES: Final = {
    "rookery_ready": "ready",
    "rookery_model_degraded": "degraded",
    "rookery_model_loaded_timestamp_seconds": "model_loaded_at",
    "rookery_queue_rows": "queue_rows",
    "rookery_queue_bytes": "queue_bytes",
    "process_resident_memory_bytes": "memory_bytes",
}
_PHASES: Final = ("queue_time", "inference", "sink_write", "request_duration", "end_to_end_latency")


@dataclass(frozen=True, slots=True)
class StatsSources:
    """A worker's address and an embedded broker's HOST:PORT; None for an absent one."""

    worker: str | None = None
    broker: str | None = None

    async def fetch(self, client: aiohttp.ClientSession) -> dict[str, Any]:
        """Fetch both at once; one that does not answer is None."""
        worker, broker = await asyncio.gather(self._worker(client), self._broker(client))
        return {"worker": worker, "broker": broker}

    async def _worker(self, client: aiohttp.ClientSession) -> dict[str, Any] | None:
        text = await _get(client, None if self.worker is None else f"{self.worker.rstrip('/')}/metrics")
        return None if text is None else read_metrics(text)

    async def _broker(self, client: aiohttp.ClientSession) -> dict[str, Any] | None:
        text = await _get(client, None if self.broker is None else f"http://{self.broker}/stats")
        return None if text is None else _read_stats(text)


def read_metrics(text: str) -> dict[str, Any]:
    """Read a worker's `/metrics`: its gauges, mean seconds by phase, messages nacked for retry by cause."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    plain = {each.name: each.value for each in samples if not each.labels}
    means = {
        phase: plain[f"rookery_{phase}_seconds_sum"] / count
        for phase in _PHASES
        if (count := plain.get(f"rookery_{phase}_seconds_count", 0.0))
    }
    return {
        **{name: plain.get(metric) for metric, name in _GAUGES.items()},
        "model": next((each.labels["model"] for each in samples if each.name == "rookery_model_info"), None),
        "mean_seconds": means,
        "retries": _by(samples, "rookery_retries_total", "cause"),
        "duplicates": sum(_by(samples, "rookery_duplicates_total", "first").values()),
    }


def _by(samples: Iterable[Sample], name: str, label: str) -> dict[str, float]:
    return {each.labels[label]: each.value for each in samples if each.name == name}


def _read_stats(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)["subscriptions"].values()
        return {name: sum(each[name] or 0 for each in found) for name in ("backlog", "outstanding", "nacked")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


async def _get(client: aiohttp.ClientSession, url: str | None) -> str | None:
    if url is None:
        return None
    try:
        async with client.get(url, timeout=_ANSWERS_WITHIN) as answer:
            return await answer.text() if answer.ok else None
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
