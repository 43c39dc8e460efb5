"""Faults between a worker and Cloud Storage: nothing acknowledged is missing, nothing is written twice."""

from __future__ import annotations

import asyncio
import gzip
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rookery.worker.sinks.gcs import GcsSink
from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError
from storage_emulator.faults import StorageFault
from tests.conftest import BUCKET

if TYPE_CHECKING:
    from storage_emulator.server import StorageServer

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
BLOCK = LineBlock(key="0a", lines=[b'{"a":1}\n'], written_at=NOON, published_at=NOON)

LONG_S = 3600.0
"""A delay that no test waits for: who depends on its end runs into the test's timeout."""

SURVIVED = {
    "503 twice": [StorageFault(status=503), StorageFault(status=503)],
    "429": [StorageFault(status=429)],
    "500 though it was done": [StorageFault(status=500, carried_out=True)],
    "a connection reset before": [StorageFault(reset=True)],
    "a connection reset after it was done": [StorageFault(reset=True, carried_out=True)],
    "an answer that comes too late": [StorageFault(carried_out=True, delay_s=1.5)],
    "a server that hangs": [StorageFault(delay_s=1.5)],
    "a slow answer": [StorageFault(delay_s=0.3)],
    "a 412 that is no lie": [StorageFault(status=412, carried_out=True)],
    "a 412 that is a lie": [StorageFault(status=412)],
    "one after the other": [
        StorageFault(reset=True),
        StorageFault(status=503),
        StorageFault(status=412),
        StorageFault(status=502),
    ],
}


@pytest.mark.parametrize("kind", SURVIVED)
async def test_what_passes_is_survived_with_one_object(
    storage_sink: GcsSink, strict: StorageServer, kind: str
) -> None:
    """A write returns only when its object is there, and there is only one of it."""
    strict.faults.inject("insert", *SURVIVED[kind])
    await storage_sink.write(BLOCK)
    (stored,) = strict.buckets.objects(BUCKET, versions=True)
    assert gzip.decompress(stored.content) == b'{"a":1}\n'


async def test_a_bucket_is_asked_for_nothing_but_its_objects(
    monkeypatch: pytest.MonkeyPatch, strict: StorageServer
) -> None:
    """No thread of the library looks a bucket up beside the writes: a role for objects alone is not refused anything."""
    monkeypatch.delenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA")
    strict.faults.last("bucket", StorageFault(delay_s=30))
    before = set(threading.enumerate())
    sink = GcsSink(BUCKET, "", write_timeout_seconds=5.0)
    await sink.open()
    await sink.write(BLOCK)
    assert {each.name for each in set(threading.enumerate()) - before} == {"storage_0"}
    await sink.close()
    assert strict.operations["bucket"] == 0


LASTING = {
    "503": StorageFault(status=503),
    "403": StorageFault(status=403),
    "a reset": StorageFault(reset=True),
    "no answer": StorageFault(delay_s=LONG_S),
    "a 412 that is a lie": StorageFault(status=412),
}


@pytest.mark.parametrize("kind", LASTING)
async def test_what_lasts_is_said_within_the_time_of_a_write(strict: StorageServer, kind: str) -> None:
    """The sender hears of it before its own deadline, and nothing is promised."""
    sink = GcsSink(BUCKET, "", write_timeout_seconds=1.0)
    await sink.open()
    strict.faults.last("insert", LASTING[kind])
    with pytest.raises(SinkUnavailableError, match="gs://rookery-test: "):
        await sink.write(BLOCK)
    assert strict.buckets.objects(BUCKET) == []
    strict.faults.clear()
    await sink.close()


async def test_hung_writes_do_not_outlive_their_time_however_many_wait_for_a_thread(
    strict: StorageServer,
) -> None:
    """Threads are bounded, and so is the wait for one."""
    sink = GcsSink(BUCKET, "", write_timeout_seconds=0.5, connections=2)
    await sink.open()
    strict.faults.last("insert", StorageFault(delay_s=LONG_S))
    writes = [sink.write(replace(BLOCK, key=f"{nth:02x}")) for nth in range(8)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(each, SinkUnavailableError) for each in outcomes)
    await sink.close()


async def test_a_block_redelivered_in_another_hour_finds_its_object(
    storage_sink: GcsSink, strict: StorageServer
) -> None:
    """An object is named after what was published and when, not after when it was written."""
    strict.faults.inject("insert", StorageFault(status=403, carried_out=True))
    with pytest.raises(SinkUnavailableError):
        await storage_sink.write(BLOCK)
    await storage_sink.write(replace(BLOCK, written_at=NOON + timedelta(days=1)))
    assert [each.name for each in strict.buckets.objects(BUCKET)] == ["date=2026-11-23/hour=12/0a.ndjson.gz"]


async def test_an_object_is_what_bigquery_reads(storage_sink: GcsSink, strict: StorageServer) -> None:
    """Gzip by its type, without a Content-Encoding that someone on the way would undo; hive-style folders."""
    await storage_sink.write(BLOCK)
    (stored,) = strict.buckets.objects(BUCKET)
    assert stored.fields["contentType"] == "application/gzip"
    assert "contentEncoding" not in stored.fields
    assert stored.fields["metadata"] == {"lines": "1", "format": "NEWLINE_DELIMITED_JSON"}
    assert stored.name.startswith("date=2026-11-23/hour=12/")


async def test_the_same_lines_are_the_same_bytes(storage_sink: GcsSink, strict: StorageServer) -> None:
    """Nothing of the clock is in an object."""
    await storage_sink.write(BLOCK)
    await storage_sink.write(replace(BLOCK, key="0b"))
    first, second = strict.buckets.objects(BUCKET)
    assert first.content == second.content


async def test_a_server_that_is_not_there_is_said_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own default would hang on for two minutes."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    sink = GcsSink(BUCKET, "", write_timeout_seconds=0.5)
    await sink.open()
    with pytest.raises(SinkUnavailableError):
        await sink.write(BLOCK)
    await sink.close()
