"""Readiness by the sinks: a worker whose results cannot be written says so, why, and when that is over."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.settings import Settings
from rookery.worker.sinks.folder import FolderSink
from rookery.worker.sinks.nack_log import SECONDS, NackLog
from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError
from rookery.worker.sinks.sink_health import SinkHealth
from rookery.worker.sinks.watched import MOST_PROBE_SECONDS, PROBE_SECONDS, WatchedSink
from rookery.worker.testing import MemorySink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rookery.schemas.envelope import Envelope
    from tests.worker.conftest import House

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def settings(folder: Path, **chosen: Any) -> Settings:
    where = {"results": f"file://{folder}/results", "rejects": f"file://{folder}/rejects"}
    return Settings(port=0, **(where | chosen))


def block() -> LineBlock:
    return LineBlock(key="", lines=[b'"a"\n'], written_at=NOON)


async def push(client: aiohttp.ClientSession, name: str) -> int:
    headers = {"x-goog-pubsub-message-id": name}
    async with client.post(
        "/", data=encode(ReadingFactory(1).reading(reading_id=name)), headers=headers
    ) as answer:
        return answer.status


async def readiness(client: aiohttp.ClientSession) -> tuple[int, str]:
    async with client.get("/readyz") as answer:
        reported = await answer.json()
        return answer.status, reported.get("reason", reported["status"])


async def until_ready(client: aiohttp.ClientSession) -> None:
    while (await readiness(client))[0] != 200:  # noqa: ASYNC110  as below
        await asyncio.sleep(0.01)  # no event says so to those outside


class FullDisk:
    """Lets every sync to the disk fail while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, self._failing(getattr(os, name)))

    def _failing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def sync(descriptor: int) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(descriptor)

        return sync


async def test_a_worker_is_not_ready_while_its_disk_is_full_and_ready_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Cause and path stand in `/readyz` and in the log; no message need be sent to it to notice the recovery."""
    caplog.set_level(logging.INFO)
    disk = FullDisk(monkeypatch)
    async with running(settings(tmp_path)) as address, aiohttp.ClientSession(address) as client:
        assert await readiness(client) == (200, "ready")
        disk.full = True
        assert [await push(client, f"r{nth}") for nth in range(20)] == [503] * 20
        why = f"failed to write results: cannot write to {tmp_path}/results: No space left on device"
        assert await readiness(client) == (503, why)
        async with client.get("/metrics") as answer:
            assert "rookery_ready 0.0" in await answer.text()
        async with client.get("/livez") as answer:
            assert answer.status == 200
        disk.full = False
        await until_ready(client)
        assert await push(client, "r0") == 204
    said = [record.getMessage() for record in caplog.records]
    assert f"{why}; 1 message nacked for retry" in said
    assert sum("nacked for retry" in each for each in said) < 3
    assert "results and rejections can be written" in said


async def test_a_write_that_works_makes_ready_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest write decides, whatever probes say."""
    disk = FullDisk(monkeypatch)
    sink = watched(FolderSink(tmp_path))
    disk.full = True
    with pytest.raises(SinkUnavailableError, match="failed to write results: cannot write to"):
        await sink.write(block())
    assert sink.reason is not None
    disk.full = False
    await sink.write(block())
    assert sink.reason is None


def watched(sink: Any, **chosen: Any) -> WatchedSink:
    return WatchedSink(sink, "results", **({"works": True, "hang_seconds": 60.0} | chosen))


@pytest.mark.parametrize("place", ["results", "rejects"])
def test_a_folder_that_cannot_be_written_ends_the_start_with_2_and_the_reason(
    tmp_path: Path, place: str
) -> None:
    """A folder of another user, a file system without writing: the last line says which folder, and why."""
    (tmp_path / place).mkdir()
    program = f"""
import os, sys
from rookery.worker.__main__ import main
real = os.open
def denied(path, *arguments, **named):
    # Even for root, which no permission of a folder keeps away.
    if "/{place}/" in str(path):
        raise PermissionError(13, os.strerror(13), path)
    return real(path, *arguments, **named)
os.open = denied
sys.exit(main())
"""
    environment = os.environ | {
        "ROOKERY_PORT": "0",
        "ROOKERY_RESULTS": f"file://{tmp_path}/results",
        "ROOKERY_REJECTS": f"file://{tmp_path}/rejects",
        "ROOKERY_LOG_FORMAT": "json",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"] == f"cannot write to {tmp_path}/{place}: Permission denied"


async def test_a_probe_of_a_folder_leaves_nothing_and_makes_what_is_missing(tmp_path: Path) -> None:
    """Not even a folder with a file of its own is needed, as for a write."""
    sink = FolderSink(tmp_path / "results")
    await sink.open()
    shutil.rmtree(tmp_path / "results")
    await sink.probe()
    assert [*(tmp_path / "results").iterdir()] == []
    (tmp_path / "results").rmdir()
    (tmp_path / "results").write_text("a file")
    with pytest.raises(SinkUnavailableError, match="cannot write to"):
        await sink.probe()
    await sink.close()


class ProbedSink(MemorySink):
    """A sink in memory whose probes and writes fail as a test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.probes = 0
        self.shut = False
        self.hung = asyncio.Event()
        self.hung.set()

    async def probe(self) -> None:
        self.probes += 1
        await self.hung.wait()
        if self.shut:
            raise SinkUnavailableError("gs://b: still closed")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_place_that_was_never_written_to_is_not_ready_before_its_first_probe() -> None:
    """That a client could be made says nothing."""
    sink = ProbedSink()
    place = watched(sink, works=False)
    assert place.reason == "failed to write results: not tried yet"
    sink.shut = True
    await place.probe()
    assert place.reason == "failed to write results: gs://b: still closed"


async def test_probes_are_bounded_in_rate_and_come_later_where_writes_contradict_them() -> None:
    """A second between two; where each probe succeeds and each write fails, up to thirty."""
    sink, clock = ProbedSink(), Clock()
    place = watched(sink, clock=clock)
    sink.broken = True
    pauses = []
    for _ in range(8):
        with pytest.raises(SinkUnavailableError):
            await place.write(block())
        failed_at = clock.now
        while place.reason is not None:
            clock.now += PROBE_SECONDS / 2
            await place.probe()
        pauses.append(clock.now - failed_at)
    assert pauses == [1, 2, 4, 8, 16, MOST_PROBE_SECONDS, MOST_PROBE_SECONDS, MOST_PROBE_SECONDS]
    assert sink.probes == 8
    sink.broken, clock.now = False, clock.now + 1
    await place.write(block())
    sink.broken = True
    with pytest.raises(SinkUnavailableError):
        await place.write(block())
    clock.now += PROBE_SECONDS
    await place.probe()
    assert place.reason is None


async def test_a_write_that_hangs_makes_not_ready_until_it_ends() -> None:
    """A disk or a service that answers nothing is as bad as one that refuses."""
    sink, clock = ProbedSink(), Clock()
    place = watched(sink, clock=clock)
    sink.gate.clear()
    writing = asyncio.create_task(place.write(block()))
    await sink.waiting.wait()
    clock.now = 60.0
    assert place.reason is None
    clock.now = 61.0
    assert place.reason == "failed to write results: no answer for 61 s"
    sink.gate.set()
    await writing
    assert place.reason is None


async def test_a_probe_that_hangs_is_begun_once_and_waited_for_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hung disk costs one thread; when it answers again, the worker is ready."""
    monkeypatch.setattr("rookery.worker.sinks.watched.PATIENCE_SECONDS", 0.01)
    sink, clock = ProbedSink(), Clock()
    place = watched(sink, works=False, clock=clock)
    sink.hung.clear()
    for _ in range(3):
        await place.probe()
        clock.now += PROBE_SECONDS
        assert place.reason == "failed to write results: no answer within 0.01 s"
    assert sink.probes == 1
    sink.hung.set()
    await asyncio.sleep(0)
    await place.probe()
    assert (place.reason, sink.probes) == (None, 1)


async def test_a_disk_that_hangs_is_probed_in_a_thread_that_the_process_does_not_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the loop nor the sink's own thread is kept."""
    gate, real = threading.Event(), os.fsync
    sink = FolderSink(tmp_path)
    await sink.open()
    hanging: list[bool] = []

    def hang(descriptor: int) -> None:
        hanging.append(threading.current_thread().daemon)
        gate.wait()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", hang)
    probing = asyncio.ensure_future(sink.probe())
    while not hanging:  # noqa: ASYNC110  the thread sets no event
        await asyncio.sleep(0)
    gate.set()
    await probing
    assert hanging == [True]
    await sink.close()


async def test_places_are_looked_after_until_all_are_well() -> None:
    """The first time that all sinks work is reported once; later failures are named sink by sink."""
    sinks = [ProbedSink(), ProbedSink()]
    places = [watched(each, works=False) for each in sinks]
    sinks[0].shut = True
    health, reported = SinkHealth(places, check_seconds=0.001), asyncio.Event()
    async with health.monitored(), health.when_healthy(reported.set):
        await health.checked()
        assert not reported.is_set()
        assert health.reason == "failed to write results: gs://b: still closed"
        sinks[0].shut = False
        async with asyncio.timeout(30):
            await reported.wait()
        assert health.reason is None
    async with health.when_healthy(reported.clear):
        assert not reported.is_set()


async def test_nacked_messages_are_logged_with_the_cause_at_a_bounded_rate(
    build: Callable[..., House], envelope: Callable[..., Envelope], caplog: pytest.LogCaptureFixture
) -> None:
    """One line when it begins, and then one in ten seconds that counts what was nacked in between."""
    clock = Clock()
    house = build(observers=[NackLog(clock)])
    house.results.broken = True

    async def nacked() -> None:
        with pytest.raises(SinkUnavailableError):
            await house.pipeline.accept(envelope(encode(ReadingFactory(1).reading())))

    for _ in range(5):
        await nacked()
    clock.now = SECONDS
    await nacked()
    lines = [record.getMessage() for record in caplog.records if "nacked for retry" in record.getMessage()]
    assert lines == [
        "the sink is broken on purpose; 1 message nacked for retry",
        "the sink is broken on purpose; 5 messages nacked for retry",
    ]
