"""A whole worker over Cloud Storage: what an object costs, what a reading waits, and what faults may not do."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
import threading
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from pyarrow import parquet

from rookery.schemas.codec import encode
from rookery.schemas.envelope import wrapped
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.settings import Settings
from rookery.worker.sinks.coalescing import CoalescingSink
from storage_emulator.faults import StorageFault
from tests.conftest import BUCKET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rookery.worker.sinks.protocol import LineBlock
    from storage_emulator.server import StorageServer
    from tests.worker.sinks.conftest import TopicPlace

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@asynccontextmanager
async def worker(
    results: str = f"gs://{BUCKET}/results", rejects: str = f"gs://{BUCKET}/rejects", **chosen: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    settings = Settings(port=0, results=results, rejects=rejects, **chosen)
    connector = aiohttp.TCPConnector(limit=1_000)
    async with running(settings) as address, aiohttp.ClientSession(address, connector=connector) as client:
        yield client


def body(payload: bytes, message_id: str, **message: Any) -> bytes:
    fields = {
        "data": base64.b64encode(payload).decode(),
        "messageId": message_id,
        "publishTime": datetime.now(UTC).isoformat(),
    }
    return json.dumps(
        {"message": {**fields, **message}, "subscription": "projects/p/subscriptions/s"}
    ).encode()


def stored(server: StorageServer, kind: str) -> list[str]:
    """The reading_id of every line in storage, repetitions included."""
    found = server.buckets.objects(BUCKET, prefix=f"{kind}/")
    return [
        json.loads(line)["reading_id"]
        for each in found
        for line in gzip.decompress(each.content).splitlines()
    ]


async def push(client: aiohttp.ClientSession, payload: bytes, where: str = "/") -> int:
    async with client.post(where, data=payload) as answer:
        return answer.status


async def test_columns_in_a_bucket_hold_each_reading_of_tables_and_alone(strict: StorageServer) -> None:
    """Objects are Parquet that a reader takes as it is, with the contract's columns; rejections stay lines."""
    table = json.loads(encode(ReadingFactory(3).table(300, prefix="t")))
    table["body_mass_g"][5] = -1
    payloads = [
        json.dumps(table).encode(),
        encode(ReadingFactory(4).table(300, prefix="u")),
        encode(ReadingFactory(5).reading(reading_id="alone")),
    ]
    async with worker(results_format="parquet") as client:
        for nth, payload in enumerate(payloads):
            assert await push(client, body(payload, f"m{nth}")) == 204
    objects = strict.buckets.objects(BUCKET, prefix="results/")
    assert {each.name.rpartition(".")[2] for each in objects} == {"parquet"}
    found = [parquet.read_table(BytesIO(each.content)) for each in objects]
    names = [name for each in found for name in each.column("reading_id").to_pylist()]
    sent = [f"{prefix}-{row}" for prefix in "tu" for row in range(300)]
    assert sorted(names) == sorted({*sent, "alone"} - {"t-5"})
    assert len({str(each.schema) for each in found}) == 1
    assert stored(strict, "rejects") == ["t-5"]


async def test_at_load_an_object_holds_many_readings(
    strict: StorageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 20 class-A operations a thousand single readings that come one by one while others are written."""
    came, all_came = asyncio.Semaphore(0), threading.Event()
    insert, write = strict.buckets.insert, CoalescingSink.write

    def inserted(*arguments: Any, **named: Any) -> Any:
        all_came.wait()
        return insert(*arguments, **named)

    async def written(self: CoalescingSink, block: LineBlock) -> None:
        came.release()
        await write(self, block)

    monkeypatch.setattr(strict.buckets, "insert", inserted)
    monkeypatch.setattr(CoalescingSink, "write", written)
    penguins, pushes, before = ReadingFactory(1), [], strict.class_a
    async with worker(write_timeout_seconds=50.0) as client:
        try:
            for nth in range(1_000):
                payload = body(encode(penguins.reading(reading_id=f"r{nth}")), f"m{nth}")
                pushes.append(asyncio.create_task(push(client, payload)))
                await came.acquire()
        finally:
            all_came.set()
        assert set(await asyncio.gather(*pushes)) == {204}
    assert strict.class_a - before <= 20
    assert sorted(stored(strict, "results")) == sorted(f"r{nth}" for nth in range(1_000))


async def test_a_lone_reading_waits_for_no_interval(strict: StorageServer) -> None:
    """An idle worker writes at once."""
    async with worker(flush_interval_seconds=30.0) as client:
        assert await push(client, body(encode(ReadingFactory(1).reading(reading_id="r1")), "m1")) == 204
    assert stored(strict, "results") == ["r1"]


async def test_a_prediction_that_is_only_asked_for_waits_for_no_object(strict: StorageServer) -> None:
    """While storage hangs and pushes wait, `/predict` answers."""
    strict.faults.last("insert", StorageFault(delay_s=30.0))
    async with worker(write_timeout_seconds=2.0) as client:
        pushed = asyncio.create_task(push(client, body(encode(ReadingFactory(1).reading()), "m1")))
        await asyncio.to_thread(strict.wait_for, "insert")
        async with client.post("/predict", data=encode(ReadingFactory(2).reading())) as answer:
            assert answer.status == 200
        assert not pushed.done()
        assert await pushed == 503
    assert stored(strict, "results") == []


FAULTS = [
    StorageFault(status=503),
    StorageFault(status=503, carried_out=True),
    StorageFault(reset=True),
    StorageFault(reset=True, carried_out=True),
    StorageFault(status=412),
    StorageFault(delay_s=0.2),
    StorageFault(delay_s=1.2, carried_out=True),
    StorageFault(status=403),
]
"""All of them pass; only the last is not retried by the client, so that the messages are redelivered."""


@pytest.mark.parametrize("seed", [1, 2])
async def test_under_faults_nothing_acknowledged_is_missing_and_nothing_is_there_twice(
    strict: StorageServer, seed: int
) -> None:
    """Readings are pushed until they are acknowledged, as Pub/Sub does; storage fails every other time."""
    chance = random.Random(seed)  # noqa: S311  seeded, so that a failure is reproducible
    strict.faults.inject("insert", *(chance.choice([*FAULTS, *[StorageFault()] * 8]) for _ in range(40)))
    strict.faults.inject("get", StorageFault(status=503), StorageFault(reset=True))
    penguins = ReadingFactory(seed)
    statuses: Counter[int] = Counter()

    nameless: list[str] = []

    async def until_acknowledged(nth: int) -> None:
        payload = encode(penguins.reading(reading_id=f"r{nth}")) if nth % 5 else b'{"wings": 2}'
        message = body(payload, f"m{nth}")
        if not nth % 5:
            nameless.append(wrapped(message).identity)
        while (status := await push(client, message)) != 204:
            statuses[status] += 1

    async with worker(write_timeout_seconds=3.0, flush_interval_seconds=0.02, flush_rows=20) as client:
        for first in range(0, 300, 60):
            await asyncio.gather(*(until_acknowledged(nth) for nth in range(first, first + 60)))
    assert sorted(stored(strict, "results")) == sorted(f"r{nth}" for nth in range(300) if nth % 5)
    assert sorted(stored(strict, "rejects")) == sorted(nameless)
    assert set(statuses) <= {503}


async def test_a_batch_whose_object_was_written_unnoticed_is_redelivered_and_not_written_twice(
    strict: StorageServer,
) -> None:
    """The answer was lost, and the messages are redelivered, in another order and to another worker."""
    strict.faults.inject("insert", StorageFault(status=403, carried_out=True))
    penguins = ReadingFactory(1)
    messages = [body(encode(penguins.reading(reading_id=f"r{nth}")), f"m{nth}") for nth in range(20)]
    async with worker() as client:
        assert set(await asyncio.gather(*(push(client, each) for each in messages))) == {503}
    async with worker() as client:
        assert set(await asyncio.gather(*(push(client, each) for each in reversed(messages)))) == {204}
    assert sorted(stored(strict, "results")) == sorted(f"r{nth}" for nth in range(20))


async def test_drain_ends_only_when_all_that_was_taken_is_durable(strict: StorageServer) -> None:
    """A drain waits for blocks whose objects are being written."""
    strict.faults.inject("insert", StorageFault(delay_s=0.5))
    message = body(encode(ReadingFactory(1).reading(reading_id="r1")), "m1")
    async with aiohttp.ClientSession() as patient:
        async with worker() as client:
            pushed = asyncio.create_task(push(patient, message, str(client._base_url)))
            await asyncio.to_thread(strict.wait_for, "insert")
        assert await pushed == 204
    assert stored(strict, "results") == ["r1"]


async def test_a_trace_goes_through_the_worker_to_the_result_topic(topic: TopicPlace) -> None:
    """Each prediction carries the context of the message that its reading came in."""
    where = {"results": "pubsub://p/results", "rejects": "pubsub://p/results"}
    async with worker(**where) as client:
        traced = body(
            encode(ReadingFactory(1).reading(reading_id="r1")), "m1", attributes={"traceparent": PARENT}
        )
        plain = body(encode(ReadingFactory(2).reading(reading_id="r2")), "m2")
        refused = body(b'{"wings": 2}', "m3", attributes={"traceparent": PARENT})
        assert await asyncio.gather(*(push(client, each) for each in (traced, plain, refused))) == [204] * 3
    found = {m.attributes["reading_id"]: m.attributes.get("traceparent") for m in await topic.messages(3)}
    assert found == {"r1": PARENT, "r2": None, wrapped(refused).identity: PARENT}


async def readiness(client: aiohttp.ClientSession) -> tuple[int, str | None]:
    async with client.get("/readyz") as answer:
        return answer.status, (await answer.json()).get("reason")


async def test_a_worker_whose_bucket_refuses_is_not_ready_until_it_takes_objects(
    strict: StorageServer, tmp_path: Path
) -> None:
    """A start does not end for it: the worker logs why it waits, and is ready, with its ready file, once it may write."""
    strict.faults.last("begin", StorageFault(status=403))
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    chosen = Settings(port=0, results=f"gs://{BUCKET}/r", rejects=f"file://{tmp_path}/rejects")
    async with running(chosen, ready=ready.set_result) as address, aiohttp.ClientSession(address) as client:
        status, reason = await readiness(client)
        assert (status, ready.done()) == (503, False)
        assert reason is not None
        assert reason.startswith(f"failed to write results: gs://{BUCKET}/r: 403")
        strict.faults.clear()
        while (await readiness(client))[0] != 200:  # noqa: ASYNC110  no event says so to those outside
            await asyncio.sleep(0.01)  # as above
        # Turns of the loop later: `/readyz` may answer first.
        assert await ready == address
    assert strict.buckets.objects(BUCKET) == []


async def test_a_bucket_that_fails_later_makes_not_ready_and_a_probe_ready_again(
    strict: StorageServer,
) -> None:
    """The outcome of a write stands until another write, or a probe, has another one."""
    async with worker(write_timeout_seconds=0.5) as client:
        assert await readiness(client) == (200, None)
        strict.faults.last("insert", StorageFault(status=503))
        assert await push(client, body(encode(ReadingFactory(1).reading(reading_id="r1")), "m1")) == 503
        status, reason = await readiness(client)
        assert (status, str(reason)[:24]) == (503, "failed to write results:")
        strict.faults.clear()
        while (await readiness(client))[0] != 200:  # noqa: ASYNC110  no event says so to those outside
            await asyncio.sleep(0.01)  # as above
        assert await push(client, body(encode(ReadingFactory(1).reading(reading_id="r1")), "m1")) == 204


async def test_a_worker_whose_topic_is_not_there_is_not_ready_until_it_is(
    topic: TopicPlace, tmp_path: Path
) -> None:
    """Nothing is published to find out."""
    where = {"results": "pubsub://p/later", "rejects": f"file://{tmp_path}/rejects"}
    async with worker(**where) as client:
        status, reason = await readiness(client)
        assert status == 503
        assert str(reason).startswith("failed to write results: projects/p/topics/later: ")
        await topic.provide("projects/p/topics/later")
        while (await readiness(client))[0] != 200:  # noqa: ASYNC110  no event says so to those outside
            await asyncio.sleep(0.01)  # as above
