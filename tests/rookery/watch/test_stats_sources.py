"""What worker and broker say of themselves, as the page shows it; whoever is silent is no trouble."""

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
    """Health, phases and memory from the worker, backlog from the broker."""
    sinks: dict[str, Any] = {"results": f"file://{tmp_path}/results", "rejects": f"file://{tmp_path}/rejects"}
    async with running(Settings(port=0, **sinks)) as address, aiohttp.ClientSession() as client:
        async with client.post(f"{address}/predict", data=encode(ReadingFactory(1).reading())) as answer:
            assert answer.status == 200
        told = await StatsSources(address, broker).told(client)
    assert told["worker"]["ready"] == 1
    assert told["worker"]["degraded"] == 0
    assert len(told["worker"]["model"]) == 12
    assert told["worker"]["mean_seconds"]["predict"] > 0
    assert told["worker"]["queue_rows"] == 0
    assert told["worker"]["memory_bytes"] > 10_000_000
    assert set(told["broker"]) == {"backlog", "outstanding", "nacked"}


async def test_whoever_is_silent_is_told_as_nothing() -> None:
    """No worker, no broker, or a page of somebody else's: the rest of the page goes on."""
    async with aiohttp.ClientSession() as client:
        assert await StatsSources().told(client) == {"worker": None, "broker": None}
        assert await StatsSources("http://127.0.0.1:9", "127.0.0.1:9").told(client) == {
            "worker": None,
            "broker": None,
        }
        assert (await StatsSources("no address", "nor this").told(client))["worker"] is None


def test_the_unseen_worker_of_the_measurement_overrides_what_there_is() -> None:
    """A method that was renamed would go on counting, and the cost of being seen would look like nothing."""
    for blind, seeing in ((Unseen, Metrics), (Unkept, Drift)):
        overridden = [name for name in vars(blind) if callable(getattr(blind, name)) and name != "__init__"]
        assert overridden
        assert [name for name in overridden if name not in vars(seeing)] == []
