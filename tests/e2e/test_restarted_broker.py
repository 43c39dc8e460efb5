"""A broker for tests that was restarted numbers its messages from 1 again: no reading is taken for an earlier one."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest

from rookery.load.accounting.folder_results import predictions
from rookery.load_test.emulator import NoEmulatorError, emulator
from rookery.results.export import export
from rookery.results.id_set import Labels
from rookery.results.query import SelectedPredictions
from rookery.schemas.codec import encode, in_base64
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.load.accounting.folder_results import ResultsFolder
    from rookery.schemas.prediction import Prediction

READINGS: Final = 7
PROJECT: Final = "v1/projects/p"
TOPIC: Final = "projects/p/topics/readings"


async def published(broker: str, worker: str, seed: int) -> list[str]:
    """Publish readings without reading_id, each as a message of its own; gives the messages' ids."""
    messages = [{"data": in_base64(encode(reading))} for reading in ReadingFactory(seed).readings(READINGS)]
    subscription = {"topic": TOPIC, "pushConfig": {"pushEndpoint": worker}}
    async with aiohttp.ClientSession(f"http://{broker}/", raise_for_status=True) as client:
        await client.put(f"{PROJECT}/topics/readings", json={})
        await client.put(f"{PROJECT}/subscriptions/push", json=subscription)
        async with client.post(f"{PROJECT}/topics/readings:publish", json={"messages": messages}) as answer:
            ids: list[str] = json.loads(await answer.read())["messageIds"]
    return ids


def recorded(found: ResultsFolder[Prediction], lines: int) -> None:
    """Return when there are so many lines."""
    while len([*found.every()]) < lines:
        time.sleep(0.05)  # folders send no event for a new file


@pytest.mark.emulator
@pytest.mark.timeout(120)
async def test_readings_without_an_id_are_all_recorded_after_a_restart_of_the_emulator(
    tmp_path: Path,
) -> None:
    """Seven before it, seven after it, the same message ids: fourteen lines, and as many for the reader and the export."""
    settings = Settings(port=0, results=f"file://{tmp_path}/results", rejects=f"file://{tmp_path}/rejects")
    found = predictions(tmp_path / "results")
    ids = []
    async with running(settings) as worker:
        for start in (1, 2):
            try:
                with emulator(tmp_path) as google:
                    ids.append(await published(google.address, f"{worker}/", start))
                    await asyncio.to_thread(recorded, found, start * READINGS)
            except NoEmulatorError as missing:
                # It is not installed, and the sentence says what is missing; one that does not start is a failure.
                pytest.skip(str(missing))
    assert ids[0] == ids[1]
    assert len([*found]) == 2 * READINGS
    assert (
        export(SelectedPredictions(f"{tmp_path}/results"), tmp_path / "penguins.csv", labels=Labels())
        == 2 * READINGS
    )
