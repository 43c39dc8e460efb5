"""A worker that pulls, whole: every reading ends once, whatever its broker, its sink and its process do."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any

import aiohttp
import pyarrow as pa
import pytest

from rookery.broker.server import EmbeddedBroker
from rookery.environment import process as child
from rookery.load.accounting.folder_results import predictions, rejections
from rookery.schemas.codec import ARROW_STREAM, encode
from rookery.schemas.segment import segments, whole
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.settings import Settings
from rookery.worker.sinks.coalescing import RateLimit
from tests.conftest import BUCKET
from tests.worker.decoding.arrow.streams import stream
from tests.worker.pull.conftest import PullTopic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from storage_emulator.server import StorageServer

    Until = Callable[[Callable[[], bool]], Awaitable[None]]


BURST = RateLimit().burst


def settings(topic: PullTopic, folder: Path, **chosen: Any) -> Settings:
    places = {"results": f"file://{folder}/results", "rejects": f"file://{folder}/rejects"}
    return Settings(port=0, pull=topic.subscription, **{**places, **chosen})


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    files = segments(folder / kind)
    return [json.loads(line) for file in files for line in whole(file.read_bytes()).splitlines()]


def singles(count: int, prefix: str) -> list[bytes]:
    return [
        encode(reading.model_copy(update={"reading_id": f"{prefix}{nth}"}))
        for nth, reading in enumerate(ReadingFactory(1).readings(count))
    ]


async def taken(client: aiohttp.ClientSession) -> int:
    """How many messages a worker has and has not answered for, by its metrics."""
    async with client.get("/metrics") as answer:
        found = re.search(r"^rookery_pull_outstanding_messages (\S+)$", await answer.text(), re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def process(topic: PullTopic, folder: Path, name: str) -> child.RookeryProcess:
    """A worker process with its own ready file and log, and a lease of 10 s."""
    own = folder / name
    own.mkdir()
    return child.worker(
        own,
        results=folder / "results",
        rejects=folder / "rejects",
        settings={"ROOKERY_PULL": topic.subscription, "ROOKERY_ACK_DEADLINE_SECONDS": "10"},
    )


async def test_an_arrow_table_is_pulled_as_its_json_is(
    topic: PullTopic, tmp_path: Path, until: Until
) -> None:
    """The same predictions and the same rejection, and each message is acknowledged once."""
    table = json.loads(encode(ReadingFactory(3).table(300)))
    table["body_mass_g"][7] = -1.0
    async with running(settings(topic, tmp_path)):
        (arrow,) = await topic.publish(
            [stream(pa.table(table), 128)], attributes={"content-type": ARROW_STREAM}
        )
        (plain,) = await topic.publish([json.dumps(table).encode()])
        await until(lambda: len(lines(tmp_path, "results")) == 598 and len(lines(tmp_path, "rejects")) == 2)
        await until(lambda: topic.stats.acked == 2)
    found = {
        message: [
            [
                (
                    line["row"],
                    *(
                        line.get(name)
                        for name in ("species", "probabilities", "missing", "reasons", "original")
                    ),
                )
                for line in lines(tmp_path, kind)
                if line["message_id"] == message
            ]
            for kind in ("results", "rejects")
        ]
        for message in (arrow, plain)
    }
    assert [len(each) for each in found[arrow]] == [299, 1]
    assert found[arrow] == found[plain]


async def test_every_published_reading_is_one_prediction_or_one_rejection(
    any_topic: PullTopic, tmp_path: Path, until: Until
) -> None:
    """Readings, a table with a bad row and malformed payloads; a line has the message's id, attempt, time and attributes."""
    sent = singles(300, "r")
    table = json.dumps({"bill_length_mm": [40, -1, 50]}).encode()
    async with running(settings(any_topic, tmp_path)) as address:
        await any_topic.publish(sent)
        (table_id,) = await any_topic.publish([table])
        (bad_id,) = await any_topic.publish([b'{"wings": 2}'], attributes={"device": "mast"})
        await until(lambda: len(lines(tmp_path, "results")) >= 302 and len(lines(tmp_path, "rejects")) >= 2)
        if any_topic.broker is not None:
            await until(lambda: any_topic.stats.acked == 302)
        async with aiohttp.ClientSession(address) as client, client.get("/metrics") as scraped:
            text = await scraped.text()
    assert 'rookery_readings_total{outcome="predicted"} 302.0' in text
    found = lines(tmp_path, "results")
    assert len(found) == 302
    assert {line["reading_id"] for line in found if line["row"] is None} == {f"r{nth}" for nth in range(300)}
    assert [line["row"] for line in found if line["message_id"] == table_id] == [0, 2]
    refused = {line["message_id"]: line for line in lines(tmp_path, "rejects")}
    assert refused.keys() == {table_id, bad_id}
    assert refused[bad_id]["attributes"] == {"device": "mast"}
    assert refused[bad_id]["published_at"]


async def test_a_worker_that_pulls_serves_probes_and_takes_no_pushes(
    topic: PullTopic, tmp_path: Path
) -> None:
    """On any address, without a guard: there is nothing to guard."""
    chosen = settings(topic, tmp_path, host="0.0.0.0", emulator=None)  # noqa: S104  the promise is about it
    async with running(chosen) as address, aiohttp.ClientSession(address) as client:
        for path, status in (("/livez", 200), ("/readyz", 200), ("/metrics", 200)):
            async with client.get(path) as answer:
                assert answer.status == status
        for path in ("/", "/predict"):
            async with client.post(path, data=b"{}") as answer:
                assert answer.status == 404


async def test_a_killed_workers_messages_are_redelivered_and_no_reading_is_lost(
    topic: PullTopic, tmp_path: Path, until: Until
) -> None:
    """Once the first results are on the disk, kill -9 ends a worker: the next worker ends the rest, and readers return each reading once."""
    count = 3_000
    with process(topic, tmp_path, "first") as first:
        await asyncio.to_thread(first.address)
        await topic.publish(singles(count, "k"))
        await until(lambda: bool(lines(tmp_path, "results")))
        os.kill(first.pid, signal.SIGKILL)
        await asyncio.to_thread(first.popen.wait)
    durable = {line["reading_id"] for line in lines(tmp_path, "results")}
    assert topic.stats.acked <= len(durable)
    with process(topic, tmp_path, "second") as second:
        await until(lambda: topic.stats.acked == count)
        second.check()
    found = [each.reading_id for each in predictions(tmp_path / "results")]
    assert sorted(found) == sorted(f"k{nth}" for nth in range(count))


async def test_sigterm_acknowledges_what_is_durable_and_returns_the_rest_at_once(
    topic: PullTopic, tmp_path: Path, until: Until
) -> None:
    """The process ends with 0 within its time; the next worker need not wait for any lease."""
    count = 3_000
    with process(topic, tmp_path, "first") as first:
        await asyncio.to_thread(first.address)
        await topic.publish(singles(count, "s"))
        await until(lambda: bool(lines(tmp_path, "results")))
        assert await asyncio.to_thread(first.stop) == 0
    durable = {line["reading_id"] for line in lines(tmp_path, "results")}
    assert topic.stats.acked == len(durable)
    with process(topic, tmp_path, "second"):
        await until(lambda: topic.stats.acked == count)
    found = [line["reading_id"] for line in lines(tmp_path, "results")]
    assert sorted(found) == sorted(f"s{nth}" for nth in range(count))
    assert not [*rejections(tmp_path / "rejects")]


async def test_a_worker_goes_on_with_a_broker_that_was_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    """The stream is opened again by itself, and nothing that was published is lost."""
    data, folder = tmp_path / "broker", tmp_path / "worker"
    async with EmbeddedBroker(data=data) as broker:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
        before = PullTopic(broker.address, "readings", broker)
        await before.create()
        port = int(broker.address.rpartition(":")[2])
        worker = running(settings(before, folder))
        await worker.__aenter__()
        await before.publish(singles(20, "a"))
        await until(lambda: len(lines(folder, "results")) == 20)
    try:
        async with EmbeddedBroker(port=port, data=data) as broker:
            after = PullTopic(broker.address, "readings", broker)
            await after.publish(singles(20, "b"))
            await until(lambda: len(lines(folder, "results")) >= 40 and not after.stats.backlog)
            await until(lambda: after.stats.outstanding == 0)
            await worker.__aexit__(None, None, None)
    finally:
        os.environ.pop("PUBSUB_EMULATOR_HOST", None)
    found = [line["reading_id"] for line in lines(folder, "results")]
    assert sorted(found) == sorted(f"{prefix}{nth}" for prefix in "ab" for nth in range(20))


REFUSED = {
    "no subscription": ("projects/p/subscriptions/none", "NOT_FOUND"),
    "a push subscription": ("projects/p/subscriptions/push", "FAILED_PRECONDITION"),
    "no name": ("readings", "setting ROOKERY_PULL"),
}


@pytest.mark.parametrize(("name", "named"), REFUSED.values(), ids=REFUSED)
async def test_a_subscription_that_cannot_be_pulled_ends_the_worker_with_2(
    topic: PullTopic, tmp_path: Path, name: str, named: str
) -> None:
    """One line says which subscription and why; there is no traceback."""
    push = PullTopic(topic.address, "push")
    await push.create(pushConfig={"pushEndpoint": "http://127.0.0.1:9/"})
    started = child.worker(
        tmp_path,
        results=tmp_path / "results",
        rejects=tmp_path / "rejects",
        settings={"ROOKERY_PULL": name},
    )
    with started as worker:
        code = await asyncio.to_thread(worker.wait, within_s=40)
    said = worker.log.read_text()
    assert code == 2, said
    last = json.loads(said.splitlines()[-1])
    assert last["severity"] == "CRITICAL"
    assert named in last["message"]
    assert "Traceback" not in said
    assert '"ready"' not in said


async def test_a_drain_does_not_wait_for_the_flush_interval(
    topic: PullTopic, strict: StorageServer, until: Until
) -> None:
    """Over Cloud Storage, whose objects a pulling worker writes every ten seconds: what waits is written at once, acknowledged, and not nacked."""
    places = {"results": f"gs://{BUCKET}/results", "rejects": f"gs://{BUCKET}/rejects"}
    chosen = Settings(port=0, pull=topic.subscription, flush_interval_seconds=600.0, **places)
    async with running(chosen) as address, aiohttp.ClientSession(address) as client:
        for nth in range(BURST):
            await topic.publish(singles(1, f"b{nth}-"))
            await until(lambda nth=nth: topic.stats.acked == nth + 1)
        await topic.publish(singles(50, "d"))
        # A scrape is asked for: the worker sends no event.
        while "rookery_queue_rows 50.0" not in await (await client.get("/metrics")).text():  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the test's own timeout bounds it
    assert topic.stats.acked == BURST + 50
    assert topic.stats.nacked == 0
    assert len(strict.buckets.objects(BUCKET, prefix="results/")) > BURST


async def test_objects_are_larger_and_fewer_with_pull(
    topic: PullTopic, strict: StorageServer, until: Until
) -> None:
    """By its own defaults 3,000 readings that come in thirty messages a time are a handful of objects, as none waits for a push window."""
    chosen = Settings(port=0, pull=topic.subscription)
    assert (chosen.flush_interval_seconds, chosen.flush_rows) == (10.0, 20_000)
    pushed = Settings(port=0)
    assert (pushed.flush_interval_seconds, pushed.flush_rows) == (0.25, 200)
    given = Settings({"ROOKERY_PULL": topic.subscription, "ROOKERY_FLUSH_ROWS": "7"})
    assert (given.flush_interval_seconds, given.flush_rows) == (10.0, 7)
    places = {"results": f"gs://{BUCKET}/results", "rejects": f"gs://{BUCKET}/rejects"}
    chosen = Settings(port=0, pull=topic.subscription, **places)
    async with running(chosen) as address, aiohttp.ClientSession(address) as client:
        for nth in range(30):
            await topic.publish(singles(100, f"o{nth}-"))
        await until(lambda: topic.stats.outstanding + topic.stats.acked == 3_000)
        # A message is outstanding at the broker before the worker has it, and a drain leaves it to the next delivery.
        while await taken(client) + topic.stats.acked < 3_000:  # noqa: ASYNC110  metrics send no events
            await asyncio.sleep(0.02)  # the test's own timeout bounds it
    assert topic.stats.acked == 3_000
    assert len(strict.buckets.objects(BUCKET, prefix="results/")) <= 2 * BURST
