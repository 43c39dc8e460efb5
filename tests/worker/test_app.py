"""The worker whole, over real HTTP: verdicts as statuses, probes, garbage, drain."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from rookery.schemas.artifact import unseal
from rookery.schemas.codec import encode
from rookery.schemas.segment import segments, whole
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import MisconfiguredError, running
from rookery.worker.models.loader import SHIPPED
from rookery.worker.settings import Settings
from rookery.worker.sinks.protocol import SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def push_body(payload: bytes, **message: Any) -> bytes:
    fields = {
        "data": base64.b64encode(payload).decode(),
        "messageId": "m1",
        "publishTime": "2026-11-23T12:00:00Z",
    }
    return json.dumps(
        {"message": {**fields, **message}, "subscription": "projects/p/subscriptions/s"}
    ).encode()


def settings(folder: Path, **chosen: Any) -> Settings:
    return Settings(port=0, results=f"file://{folder}/results", rejects=f"file://{folder}/rejects", **chosen)


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    files = segments(folder / kind)
    return [json.loads(line) for file in files for line in whole(file.read_bytes()).splitlines()]


@pytest.fixture(params=[True, False], ids=["fast path", "slow path"])
async def worker(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[aiohttp.ClientSession]:
    """A worker on each of its two paths: whatever is promised holds on both."""
    chosen = settings(tmp_path, fast_path=request.param)
    async with running(chosen) as address, aiohttp.ClientSession(address) as client:
        yield client


async def test_a_pushed_reading_is_on_the_disk_when_204_arrives(
    worker: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Acknowledged means durable."""
    penguin = ReadingFactory(1).reading(reading_id="r1")
    async with worker.post("/", data=push_body(encode(penguin))) as answer:
        assert answer.status == 204
    (line,) = lines(tmp_path, "results")
    assert line["reading_id"] == "r1"
    assert line["probability"] == max(line["probabilities"].values())


async def test_an_unwrapped_push_is_the_same_to_the_worker(
    worker: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Payload as body, metadata as headers."""
    headers = {
        "x-goog-pubsub-message-id": "m7",
        "x-goog-pubsub-publish-time": "2026-11-23T12:00:00Z",
        "rookery_schema": "1",
    }
    async with worker.post("/", data=encode(ReadingFactory(1).reading()), headers=headers) as answer:
        assert answer.status == 204
    assert lines(tmp_path, "results")[0]["message_id"] == "m7"


async def test_an_unusable_reading_is_kept_as_rejection_and_acknowledged(
    worker: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Permanent errors never become a poison loop."""
    async with worker.post("/", data=push_body(b'{"wings": 2}', attributes={"device": "mast"})) as answer:
        assert answer.status == 204
    (line,) = lines(tmp_path, "rejects")
    assert {reason["field"] for reason in line["reasons"]} == {"wings"}
    assert line["attributes"] == {"device": "mast"}


GARBAGE = {
    "nothing": b"",
    "half a JSON": push_body(b"{}")[:30],
    "a JSON that is no envelope": b'{"hello": "world"}',
    "a number": b"7",
    "noise": bytes(range(256)),
    "bottomless": b"[" * 200_000,
}


@pytest.mark.parametrize("kind", GARBAGE)
async def test_what_is_no_envelope_is_answered_400(worker: aiohttp.ClientSession, kind: str) -> None:
    """Garbage is refused in words and leaves the worker alive."""
    async with worker.post("/", data=GARBAGE[kind]) as answer:
        assert answer.status == 400
        assert "a Pub/Sub push envelope is needed" in await answer.text()
    async with worker.get("/readyz") as ready:
        assert ready.status == 200


async def test_bad_base64_is_a_rejection(worker: aiohttp.ClientSession, tmp_path: Path) -> None:
    """The message is known, so it is explained and acknowledged."""
    async with worker.post("/", data=push_body(b"", data="%%%")) as answer:
        assert answer.status == 204
    assert lines(tmp_path, "rejects")[0]["original"] == "%%%"


@pytest.mark.parametrize("path", ["/", "/predict"])
async def test_20_megabytes_are_refused_by_their_size(worker: aiohttp.ClientSession, path: str) -> None:
    """A body beyond Pub/Sub's own limit is not read into memory."""
    async with worker.post(path, data=io.BytesIO(b" " * 20_000_000)) as answer:
        assert answer.status == 413
    async with worker.get("/livez") as alive:
        assert alive.status == 200


async def test_predict_answers_a_reading_and_stores_nothing(
    worker: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The original service's call."""
    async with worker.post("/predict", data=encode(ReadingFactory(1).reading(reading_id="r1"))) as answer:
        assert answer.status == 200
        said = await answer.json()
    assert [line["reading_id"] for line in said["predictions"]] == ["r1"]
    assert said["rejections"] == []
    assert lines(tmp_path, "results") == []


async def test_predict_answers_a_table_row_by_row_with_its_bad_ones(worker: aiohttp.ClientSession) -> None:
    """A bad row is explained beside its neighbours' answers."""
    async with worker.post("/predict", json={"bill_length_mm": [40, -1, 50]}) as answer:
        assert answer.status == 200
        said = await answer.json()
    assert [line["row"] for line in said["predictions"]] == [0, 2]
    assert [line["row"] for line in said["rejections"]] == [1]


async def test_predict_answers_a_table_of_megabytes_whole(worker: aiohttp.ClientSession) -> None:
    """A large answer is put together in a thread; it is the same answer."""
    async with worker.post("/predict", json={"bill_length_mm": [40, 1] * 4_000}) as answer:
        assert answer.status == 200
        said = await answer.json()
    assert [line["row"] for line in said["predictions"]] == [*range(0, 8_000, 2)]
    assert [line["row"] for line in said["rejections"]] == [*range(1, 8_000, 2)]


async def test_predict_says_422_with_every_reason_where_nothing_can_be_classified(
    worker: aiohttp.ClientSession,
) -> None:
    """The caller learns all that is wrong at once."""
    async with worker.post("/predict", json={"wings": 2, "sex": "f"}) as answer:
        assert answer.status == 422
        said = await answer.json()
    assert {reason["field"] for reason in said["rejections"][0]["reasons"]} == {"wings", "sex"}


async def test_the_probes_say_alive_ready_and_which_model(worker: aiohttp.ClientSession) -> None:
    """A platform can tell a living process from one that takes messages."""
    async with worker.get("/livez") as alive, worker.get("/readyz") as ready:
        assert alive.status == 200
        assert ready.status == 200
        said = await ready.json()
    assert said["status"] == "ready"
    assert len(said["model"]) == 12


async def test_metrics_count_batches_and_outcomes(worker: aiohttp.ClientSession) -> None:
    """The counters equal the answers."""
    for payload in (encode(ReadingFactory(1).reading()), encode(ReadingFactory(1).table(5)), b"{}"):
        async with worker.post("/", data=push_body(payload)) as answer:
            assert answer.status == 204
    async with worker.get("/metrics") as scraped:
        text = await scraped.text()
    assert 'rookery_readings_total{outcome="predicted"} 6.0' in text
    assert 'rookery_readings_total{outcome="rejected"} 1.0' in text
    assert "rookery_batch_rows_sum 7.0" in text
    assert "rookery_batch_messages_count 3.0" in text


async def test_a_full_queue_is_429_and_says_when_to_retry(tmp_path: Path) -> None:
    """Back-pressure reaches Pub/Sub as a nack, not as memory."""
    chosen = settings(tmp_path, queue_rows=1)
    async with running(chosen) as address, aiohttp.ClientSession(address) as client:

        async def push(nth: int) -> int:
            async with client.post(
                "/", data=push_body(encode(ReadingFactory(nth).reading()), messageId=f"m{nth}")
            ) as answer:
                assert answer.status == 204 or answer.headers["Retry-After"]
                return answer.status

        statuses = await asyncio.gather(*(push(nth) for nth in range(50)))
    assert set(statuses) == {204, 429}
    assert len(lines(tmp_path, "results")) == statuses.count(204)


async def test_an_address_that_is_no_folder_is_refused_before_serving(tmp_path: Path) -> None:
    """A worker never starts over a sink that it does not know."""
    with pytest.raises(MisconfiguredError, match="ROOKERY_RESULTS=s3://bucket: "):
        async with running(Settings(port=0, results="s3://bucket", rejects=f"file://{tmp_path}")):
            pytest.fail("it served")
    (tmp_path / "file").touch()
    with pytest.raises(SinkUnavailableError):
        async with running(settings(tmp_path / "file")):
            pytest.fail("it served")


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Start `python -m rookery.worker` with settings by environment."""
    started: list[subprocess.Popen[str]] = []

    def _start(**chosen: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "ROOKERY_PORT": "0",
            "ROOKERY_RESULTS": f"file://{tmp_path}/results",
            "ROOKERY_REJECTS": f"file://{tmp_path}/rejects",
            **chosen,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "rookery.worker"], env=environment, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield _start
    for process in started:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()


def first_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stderr
    line: dict[str, Any] = json.loads(process.stderr.readline())
    return line


async def test_sigterm_under_traffic_answers_all_that_was_taken_and_ends_in_time(
    start: Any, tmp_path: Path
) -> None:
    """Everything acknowledged is on the disk; the process ends by itself with 0."""
    ready_file = tmp_path / "ready"
    process = start(ROOKERY_READY_FILE=str(ready_file))
    ready = first_line(process)
    assert ready["message"] == "ready"
    assert ready_file.read_text() == ready["address"]
    accepted: set[str] = set()
    flowing = asyncio.Event()

    async def device(client: aiohttp.ClientSession, name: int) -> None:
        for nth in range(100_000):
            reading_id = f"{name}-{nth}"
            body = push_body(encode(ReadingFactory(nth).reading(reading_id=reading_id)), messageId=reading_id)
            async with client.post("/", data=body) as answer:
                if answer.status == 503:
                    return
                assert answer.status == 204
            accepted.add(reading_id)
            if len(accepted) > 200:
                flowing.set()

    async with aiohttp.ClientSession(ready["address"]) as client:
        devices = [asyncio.create_task(device(client, name)) for name in range(32)]
        await flowing.wait()
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, 10)
        ended = await asyncio.gather(*devices, return_exceptions=True)
    assert code == 0
    assert all(end is None or isinstance(end, aiohttp.ClientError) for end in ended)
    assert accepted <= {line["reading_id"] for line in lines(tmp_path, "results")}


async def test_a_worker_that_answered_a_table_leaves_no_thread_behind(start: Any, tmp_path: Path) -> None:
    """It ends by itself, and "stopped" is the last line that it logs; not that a thread hangs."""
    process = start()
    ready = first_line(process)
    table = json.dumps({"bill_length_mm": [40.0] * 1_000}).encode()
    async with (
        aiohttp.ClientSession(ready["address"]) as client,
        client.post("/", data=push_body(table)) as answer,
    ):
        assert answer.status == 204
    process.send_signal(signal.SIGTERM)
    _, said = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0
    assert json.loads(said.splitlines()[-1])["message"] == "stopped"
    assert len(lines(tmp_path, "results")) == 1_000


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"ROOKERY_PORT": "many"}, "setting ROOKERY_PORT"),
        (
            {"ROOKERY_BATCH_ROW": "5"},
            "setting ROOKERY_BATCH_ROW: no setting has this name; is ROOKERY_BATCH_ROWS meant?",
        ),
        ({"ROOKERY_RESULTS": "s3://bucket"}, "ROOKERY_RESULTS=s3://bucket"),
        ({"ROOKERY_MODEL": "s3://models/a"}, "ROOKERY_MODEL=s3://models/a"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line_with_exit_code_2(
    start: Any, chosen: dict[str, str], named: str
) -> None:
    """No traceback reaches the operator."""
    process = start(**chosen)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    (line,) = said.splitlines()
    assert named in json.loads(line)["message"]


UNUSABLE_MODELS = {
    "text": (b"not a model", "it is no model, or its end is missing"),
    "a pickle": (b"\x80\x04}.", "it is a pickle, which is code and never loaded"),
    "a booster without its card": (
        unseal(SHIPPED.read_bytes()),
        "a UBJ without a card, as XGBoost's save_model writes it",
    ),
    "a cut file": (SHIPPED.read_bytes()[:-1], "it is cut short"),
    "no file": (None, "No such file or directory"),
}


@pytest.mark.parametrize(("content", "reason"), UNUSABLE_MODELS.values(), ids=UNUSABLE_MODELS)
def test_a_first_start_whose_model_cannot_be_loaded_ends_with_2_and_answers_nothing(
    start: Any, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """No other model answers in its place: the last line says why, and which command helps."""
    model = tmp_path / "own.ubj"
    if content is not None:
        model.write_bytes(content)
    process = start(ROOKERY_MODEL=str(model), ROOKERY_MODEL_CACHE=str(tmp_path / "cache"))
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    last = json.loads(said.splitlines()[-1])
    assert last["severity"] == "CRITICAL"
    assert reason in last["message"]
    assert "rookery model verify" in last["message"]
    assert '"ready"' not in said


def test_a_port_in_use_is_named(start: Any) -> None:
    """The operator learns which address is taken."""
    first = start()
    port = first_line(first)["address"].rsplit(":", 1)[1]
    second = start(ROOKERY_PORT=port)
    _, said = second.communicate(timeout=30)
    assert second.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in json.loads(said)["message"]
