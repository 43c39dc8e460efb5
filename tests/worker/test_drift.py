"""Drift: birds unlike those of the training are counted, so that an alert can look at their share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from worker.app import running
from worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

ADELIE = {"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750}
EMPEROR = {"bill_length_mm": 81.0, "bill_depth_mm": 30.0, "flipper_length_mm": 340, "body_mass_g": 33000}


async def test_strange_birds_are_counted_apart(tmp_path: Path) -> None:
    """An emperor penguin among Adelies is answered, flagged and counted; the Adelies are not."""
    sinks = {"results": f"file://{tmp_path}/results", "rejects": f"file://{tmp_path}/rejects"}
    async with running(Settings(port=0, **sinks)) as address, aiohttp.ClientSession(address) as client:
        for bird in (ADELIE, EMPEROR, ADELIE):
            async with client.post("/predict", json=bird) as answer:
                (prediction,) = (await answer.json())["predictions"]
                assert prediction["out_of_distribution"] == (bird is EMPEROR)
        async with client.get("/metrics") as answer:
            assert "rookery_out_of_distribution_total 1.0" in await answer.text()
