"""Swapping the model under load: nothing lost, nothing refused, and every line names the model that wrote it."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np

from rookery.schemas.codec import decode, encode
from rookery.schemas.testing import ReadingFactory
from rookery.training.testing import variant
from rookery.worker.app import running
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.settings import Settings
from tests.shipped import matrix

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from rookery.worker.inference.xgboost_classifier import XGBoostClassifier

ARTIFACTS = [SHIPPED.read_bytes(), *(variant(SHIPPED.read_bytes(), rounds=count) for count in (4, 8, 16))]
SWAPS = 12
DEVICES = 32


def push(payload: bytes, message_id: str) -> bytes:
    message = {"data": base64.b64encode(payload).decode(), "messageId": message_id}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


def lay(path: Path, artifact: bytes) -> None:
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(artifact)
    unfinished.replace(path)


async def test_models_swapped_under_load_lose_nothing_and_sign_their_own_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line's probabilities are those of just the artifact that it names, and while one is loaded others answer."""
    model = tmp_path / "model.ubj"
    lay(model, ARTIFACTS[0])
    settings = Settings(
        port=0,
        results=f"file://{tmp_path}/results",
        rejects=f"file://{tmp_path}/rejects",
        model=str(model),
        model_cache=tmp_path / "cache",
        model_refresh_seconds=0.01,
    )
    readings = [ReadingFactory(nth).reading(reading_id=f"{nth}") for nth in range(50)]
    done = asyncio.Event()
    answered, one_more = 0, threading.Condition()
    serving, loads_that_blocked = threading.get_ident(), 0

    def loaded(source: Path | bytes) -> XGBoostClassifier:
        """Load once two pushes for each device were answered meanwhile: if they waited for it, all would hang."""
        nonlocal loads_that_blocked
        if threading.get_ident() == serving:
            loads_that_blocked += 1
        else:
            until = answered + 2 * DEVICES
            with one_more:
                one_more.wait_for(lambda: answered >= until or done.is_set())
        return load(source)

    async def device(client: aiohttp.ClientSession, name: int) -> None:
        nonlocal answered
        nth = 0
        while not done.is_set():
            reading = readings[(name + nth) % len(readings)]
            sent = reading.model_copy(update={"reading_id": f"{reading.reading_id}/{name}/{nth}"})
            async with client.post("/", data=push(encode(sent), f"{name}-{nth}")) as answer:
                assert answer.status == 204
            with one_more:
                answered += 1
                one_more.notify_all()
            nth += 1

    async with running(settings) as address, aiohttp.ClientSession(address) as client:
        monkeypatch.setattr("rookery.worker.models.refresher.load", loaded)
        devices = [asyncio.create_task(device(client, name)) for name in range(DEVICES)]
        for nth in range(1, SWAPS + 1):
            lay(model, ARTIFACTS[1][:-nth])
            await until_reported(client, "status", "degraded")
            lay(model, ARTIFACTS[nth % len(ARTIFACTS)])
            await until_reported(client, "model", load(ARTIFACTS[nth % len(ARTIFACTS)]).model)
            assert not any(task.done() for task in devices)
        done.set()
        with one_more:
            one_more.notify_all()
        await asyncio.gather(*devices)
    lines = [
        json.loads(line)
        for file in (tmp_path / "results").rglob("*.ndjson")
        for line in file.read_text().splitlines()
    ]
    assert len(lines) == answered
    right = {each.model: answers(each, readings) for each in map(load, ARTIFACTS)}
    assert {line["model"] for line in lines} == right.keys()
    for line in lines:
        expected = right[line["model"]][int(line["reading_id"].split("/")[0])]
        assert np.allclose(list(line["probabilities"].values()), expected, rtol=0, atol=1e-6)
    assert not loads_that_blocked


async def until_reported(client: aiohttp.ClientSession, name: str, wanted: str) -> None:
    """Return once `/readyz` says so."""
    while True:
        async with client.get("/readyz") as answer:
            assert answer.status == 200
            if (await answer.json())[name] == wanted:
                return


def answers(classifier: Any, readings: list[Any]) -> Any:
    return classifier.classify(matrix([decode(encode(reading)) for reading in readings])).probabilities
