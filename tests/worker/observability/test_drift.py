"""Drift: out-of-distribution readings are counted, and the window of the latest ones stays exact."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import aiohttp
import numpy as np
import pytest

from rookery.schemas.features import FEATURES
from rookery.worker.app import running
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.observability.drift import Drift
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADELIE = {"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750}
EMPEROR = {"bill_length_mm": 81.0, "bill_depth_mm": 30.0, "flipper_length_mm": 340, "body_mass_g": 33000}


async def test_outliers_are_counted_apart(tmp_path: Path) -> None:
    """An emperor penguin among Adelies is answered, flagged and counted; the Adelies are not."""
    sinks = {"results": f"file://{tmp_path}/results", "rejects": f"file://{tmp_path}/rejects"}
    async with running(Settings(port=0, **sinks)) as address, aiohttp.ClientSession(address) as client:
        for penguin in (ADELIE, EMPEROR, ADELIE):
            async with client.post("/predict", json=penguin) as answer:
                (prediction,) = (await answer.json())["predictions"]
                assert prediction["out_of_distribution"] == (penguin is EMPEROR)
        async with client.get("/metrics") as answer:
            assert "rookery_out_of_distribution_total 1.0" in await answer.text()


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads that take the interpreter from each other as often as it lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried")
def test_batches_that_are_kept_by_several_threads_at_once_leave_the_window_right() -> None:
    """Singles on the loop beside tables in threads: the window holds the latest readings, and keeping never fails."""
    drift = Drift(1000, lambda: load(SHIPPED).card)

    def keep(rows: int) -> None:
        batch = np.zeros((rows, len(FEATURES)), dtype=np.float32), np.zeros(rows, dtype=np.intp)
        for _ in range(20_000):
            drift.keep(*batch)

    with ThreadPoolExecutor(4) as threads:
        for kept in [threads.submit(keep, rows) for rows in (20, 2000, 1, 300)]:
            kept.result()
    rows, label_indices = drift.latest()
    assert len(rows) == len(label_indices) == 1000
