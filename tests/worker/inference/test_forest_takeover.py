"""The takeover: a verified forest answers from the next batch on, any other one never, and the answers stay the same."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
import pytest

from rookery.schemas.codec import decode, encode
from rookery.schemas.testing import ReadingFactory
from rookery.training.testing import variant
from rookery.worker.app import running
from rookery.worker.inference.forest import program as forest_program
from rookery.worker.inference.forest.takeover import ForestTakeover
from rookery.worker.inference.kernel.compiler import KernelCompiler
from rookery.worker.inference.xgboost_classifier import golden_rows
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.observability.metrics import Metrics
from rookery.worker.settings import Settings
from tests.shipped import matrix

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.worker.inference.forest.program import ForestProgram

# The compiler gives way to all that runs on the machine.
pytestmark = pytest.mark.timeout(300)
needs_llvm = pytest.mark.skipif(find_spec("llvmlite") is None, reason="needs the extra `compiled`")

OTHER = variant(SHIPPED.read_bytes(), rounds=8)
READINGS = [ReadingFactory(nth).reading(reading_id=f"{nth}") for nth in range(50)]


OF_A_CALL = {"message_id", "predicted_at", "features"}


def settings(folder: Path, **chosen: Any) -> Settings:
    return Settings(port=0, results=f"file://{folder}/results", rejects=f"file://{folder}/rejects", **chosen)


def message(nth: int, name: str) -> bytes:
    reading = READINGS[nth % len(READINGS)].model_copy(update={"reading_id": name})
    data = base64.b64encode(encode(reading)).decode()
    return json.dumps({"message": {"data": data, "messageId": name}, "subscription": "s"}).encode()


async def reported(client: aiohttp.ClientSession, **wanted: str) -> None:
    """Return once `/readyz` says so."""
    while True:
        async with client.get("/readyz") as answer:
            said = await answer.json()
        if wanted.items() <= said.items():
            return


async def predictions(client: aiohttp.ClientSession) -> list[dict[str, Any]]:
    """The worker's answers, without the fields that differ from call to call."""
    found = []
    for nth in range(len(READINGS)):
        async with client.post("/predict", data=encode(READINGS[nth])) as answer:
            assert answer.status == 200
            (line,) = (await answer.json())["predictions"]
        # Features repeat for some lines of a batch, as time has it.
        found.append({name: cell for name, cell in line.items() if name not in OF_A_CALL})
    return found


async def scraped(client: aiohttp.ClientSession) -> str:
    async with client.get("/metrics") as answer:
        return await answer.text()


@needs_llvm
async def test_a_worker_answers_the_same_before_and_after_the_takeover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same lines to the last digit; `/readyz` and the metrics say which engine wrote them."""
    begun = []
    monkeypatch.setattr(ForestTakeover, "begin", lambda takeover, model: begun.append((takeover, model)))
    async with running(settings(tmp_path)) as address, aiohttp.ClientSession(address) as client:
        await reported(client, status="ready", engine="booster")
        assert 'rookery_inference_engine{engine="booster"} 1.0' in await scraped(client)
        before = await predictions(client)
        monkeypatch.undo()
        ((takeover, model),) = begun
        takeover.begin(model)
        await reported(client, status="ready", engine="compiled")
        assert await predictions(client) == before
        metrics = await scraped(client)
        assert 'rookery_inference_engine{engine="booster"} 0.0' in metrics
        assert 'rookery_inference_engine{engine="compiled"} 1.0' in metrics


@needs_llvm
async def test_models_swapped_in_mid_traffic_are_compiled_anew(tmp_path: Path) -> None:
    """Every line is its own model's, whichever engine wrote it, and each new model's forest takes over."""
    model = tmp_path / "model.ubj"
    artifacts = [SHIPPED.read_bytes(), OTHER]
    model.write_bytes(artifacts[0])
    chosen = settings(tmp_path, model=str(model), model_cache=tmp_path / "cache", model_refresh_seconds=0.01)
    done = asyncio.Event()

    async def device(client: aiohttp.ClientSession, name: int) -> None:
        nth = 0
        while not done.is_set():
            async with client.post(
                "/", data=message(name + nth, f"{(name + nth) % 50}/{name}/{nth}")
            ) as answer:
                assert answer.status == 204
            nth += 1

    async with running(chosen) as address, aiohttp.ClientSession(address) as client:
        devices = [asyncio.create_task(device(client, name)) for name in range(4)]
        for nth in range(4):
            artifact = artifacts[nth % 2]
            unfinished = model.with_suffix(".new")
            unfinished.write_bytes(artifact)
            unfinished.replace(model)
            await reported(client, model=load(artifact).model, engine="compiled")
        done.set()
        await asyncio.gather(*devices)
    rows = matrix([decode(encode(reading)) for reading in READINGS])
    right = {each.model: each.classify(rows).probabilities for each in map(load, artifacts)}
    lines = [
        json.loads(line)
        for file in (tmp_path / "results").rglob("*.ndjson")
        for line in file.read_text().splitlines()
    ]
    assert {line["model"] for line in lines} == right.keys()
    for line in lines:
        reading = int(line["reading_id"].split("/")[0])
        written = list(line["probabilities"].values())
        # Six digits are written.
        assert np.allclose(written, right[line["model"]][reading], rtol=0, atol=1e-6)


def wrong_leaf(booster: Any) -> ForestProgram:
    """The right program but for the last bit of one leaf."""
    program = RIGHT(booster)
    depth, place = program.trees[-1]
    program.words.flags.writeable = True
    leaf = program.words[place + 3 * 2**depth - 2 :][:1].view(np.float32)
    leaf[0] = np.nextafter(leaf[0], np.float32(0))
    return program


RIGHT = forest_program.program_of


def deep(_: Any) -> ForestProgram:
    raise forest_program.UnsupportedForestError("a tree is deeper than 8 splits")


def broken(_: Any) -> ForestProgram:
    raise ZeroDivisionError


@needs_llvm
@pytest.mark.parametrize(
    ("programmed", "outcome", "reason"),
    [
        (wrong_leaf, "different", "round "),
        (deep, "unsupported", "a tree is deeper than 8 splits"),
        (broken, "failed", "ZeroDivisionError"),
    ],
)
def test_a_forest_that_is_not_verified_never_takes_over(
    programmed: Any,
    outcome: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One leaf wrong in its last bit, a model beyond the bounds, a defect: the booster answers, metric and log say why."""
    monkeypatch.setattr(forest_program, "program_of", programmed)
    classifier, metrics = load(SHIPPED), Metrics()
    rows = golden_rows(classifier.card.golden)
    before = classifier.classify(rows).probabilities
    with caplog.at_level(logging.WARNING):
        ForestTakeover(metrics).begin(classifier).join()
    assert classifier.engine == "booster"
    assert np.array_equal(classifier.classify(rows).probabilities, before)
    assert f'rookery_forest_compilations_total{{outcome="{outcome}"}} 1.0' in metrics.render().decode()
    assert classifier.model in caplog.text
    assert reason in caplog.text


@needs_llvm
def test_a_classifier_is_as_healthy_and_sliced_with_its_forest() -> None:
    """Golden readings, large tables and another width are what they were with the booster."""
    classifier, metrics = load(SHIPPED), Metrics()
    known = golden_rows(classifier.card.golden)
    rows = np.resize(known, (5000, known.shape[1]))
    before = classifier.classify(rows).probabilities
    ForestTakeover(metrics).begin(classifier).join()
    assert classifier.engine == "compiled"
    assert classifier.healthy()
    assert np.array_equal(classifier.classify(rows).probabilities.view(np.uint32), before.view(np.uint32))
    with pytest.raises(ValueError, match="rows of 7 features are needed"):
        classifier.classify(rows[:, :6])


@needs_llvm
def test_the_end_of_a_worker_ends_its_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that compiles is killed, the thread ends, and nothing is counted or said of it."""
    started = KernelCompiler._started
    takeover, metrics = ForestTakeover(counted := Metrics()), counted

    def starting(compiler: KernelCompiler) -> subprocess.Popen[bytes]:
        process = started(compiler)
        takeover.close()
        return process

    monkeypatch.setattr(KernelCompiler, "_started", starting)
    classifier = load(SHIPPED)
    takeover.begin(classifier).join()
    assert classifier.engine == "booster"
    assert "rookery_forest_compilations_total{" not in metrics.render().decode()


@needs_llvm
def test_the_drain_waits_for_the_thread_that_it_gave_up() -> None:
    """No thread is left that could write to the log while the interpreter ends, which would abort the process."""
    takeover = ForestTakeover(Metrics())
    thread = takeover.begin(load(SHIPPED))
    takeover.close()
    assert not thread.is_alive()


WITHOUT = """
import asyncio, json, sys, urllib.request
if {blocked}:
    sys.modules["llvmlite"] = None
from pathlib import Path
from rookery.worker.app import running
from rookery.worker.settings import Settings

async def main(folder):
    chosen = Settings(port=0, results=f"file://{{folder}}/r", rejects=f"file://{{folder}}/j", {chosen})
    async with running(chosen) as address:
        answer = await asyncio.to_thread(urllib.request.urlopen, f"{{address}}/readyz")
        print(json.loads(answer.read())["engine"])
    print([name for name in sys.modules if "inference.forest" in name or "inference.kernel" in name])

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("blocked", "chosen"), [(True, ""), (False, 'compiled_forest="off"')], ids=["absent", "off"]
)
def test_without_llvm_or_where_it_is_off_nothing_of_it_is_imported(
    blocked: bool,  # noqa: FBT001  pytest names it
    chosen: str,
    tmp_path: Path,
) -> None:
    """The booster answers, and not one module of the forest costs the start its time."""
    script = WITHOUT.format(blocked=blocked, chosen=chosen)
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["booster", "[]"]
