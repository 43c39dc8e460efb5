"""The statistics of worker and broker on the page; the page works without either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

from benchmarks.sections.observability_cost import Unkept, Unseen
from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.watch.stats_sources import StatsSources
from rookery.worker.app import running
from rookery.worker.observability.drift import Drift
from rookery.worker.observability.metrics import Metrics
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


async def test_both_are_asked_at_once(tmp_path: Path, broker: str) -> None:
    """The page shows health, latency by phase and memory of the worker, and the backlog of the broker."""
    sinks: dict[str, Any] = {"results": f"file://{tmp_path}/results", "rejects": f"file://{tmp_path}/rejects"}
    async with running(Settings(port=0, **sinks)) as address, aiohttp.ClientSession() as client:
        async with client.post(f"{address}/predict", data=encode(ReadingFactory(1).reading())) as answer:
            assert answer.status == 200
        found = await StatsSources(address, broker).fetch(client)
    assert found["worker"]["ready"] == 1
    assert found["worker"]["degraded"] == 0
    assert len(found["worker"]["model"]) == 12
    assert found["worker"]["mean_seconds"]["inference"] > 0
    assert found["worker"]["queue_rows"] == 0
    assert found["worker"]["memory_bytes"] > 10_000_000
    assert set(found["broker"]) == {"backlog", "outstanding", "nacked"}


async def test_an_absent_worker_or_broker_is_none() -> None:
    """Without worker or broker, or with a wrong address, the rest of the page still works."""
    async with aiohttp.ClientSession() as client:
        assert await StatsSources().fetch(client) == {"worker": None, "broker": None}
        assert await StatsSources("http://127.0.0.1:9", "127.0.0.1:9").fetch(client) == {
            "worker": None,
            "broker": None,
        }
        assert (await StatsSources("no address", "nor this").fetch(client))["worker"] is None


def test_the_unobserved_worker_of_the_benchmark_overrides_existing_methods() -> None:
    """A renamed method would still be called, and the benchmark would report no cost of observability."""
    for blind, seeing in ((Unseen, Metrics), (Unkept, Drift)):
        overridden = [name for name in vars(blind) if callable(getattr(blind, name)) and name != "__init__"]
        assert overridden
        assert [name for name in overridden if name not in vars(seeing)] == []
