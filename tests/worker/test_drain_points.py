"""Drain at every point: a worker ends in order at any step of its work."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from rookery.schemas.codec import encode
from rookery.schemas.envelope import Envelope
from rookery.schemas.segment import segments, whole
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import serve
from rookery.worker.batching.batcher import QueueLimits
from rookery.worker.batching.deduplication import DeduplicationWindow
from rookery.worker.errors import RetryError
from rookery.worker.observability.metrics import Metrics
from rookery.worker.parts import PipelineParts
from rookery.worker.pipeline import Pipeline
from rookery.worker.settings import Settings
from rookery.worker.sinks.folder import FolderSink
from rookery.worker.testing import RuleClassifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Wrap = Callable[..., Envelope]

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TURNS_OF_THE_PIPELINE = 40
"""At least so many points there are; the walk ends by itself after the last one."""
STEPS_OF_THE_WORKER = 24


class Counting(asyncio.SelectorEventLoop):
    """Counts every callback that is scheduled, which is every point where a task may be interrupted, and acts at one."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        super().__init__()
        self.scheduled = 0
        self._at = at
        self._act = act

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        self.scheduled += 1
        if self.scheduled == self._at:
            super().call_soon(self._act)
        return super().call_soon(callback, *args, context=context)


def written(root: Path) -> set[str]:
    """The identities in every line that a reader may trust."""
    contents = (whole(file.read_bytes()) for file in segments(root))
    return {json.loads(line)["reading_id"] for content in contents for line in content.splitlines()}


@functools.cache
def messages() -> list[tuple[bytes, set[str]]]:
    """Each with the identities that it must end as: single readings, a repetition, a table with a bad row, garbage."""
    single = encode(ReadingFactory(1).reading(reading_id="a"))
    mixed = json.dumps({"bill_length_mm": [40, -1, 50], "reading_id": ["a", "b", "c"]}).encode()
    return [
        (single, {"a"}),
        (single, {"a"}),
        (mixed, {"a", "b", "c"}),
        (b"not JSON", {Envelope("m4", published_at=NOON).identity}),
        (encode(ReadingFactory(2).reading(reading_id="e")), {"e"}),
    ]


def drained_at(point: int, root: Path, wrap: Wrap, quick_seconds: float) -> bool:
    """Drain a pipeline at one point of its life; True if the point came before its work was done."""
    drains: list[asyncio.Task[None]] = []

    def drain() -> None:
        drains.append(loop.create_task(pipeline.drain()))

    loop = Counting(point, drain)
    sinks = [FolderSink(root / name, quick_seconds=quick_seconds) for name in ("results", "rejects")]
    parts = PipelineParts(
        models=RuleClassifier(),
        results=sinks[0],
        rejects=sinks[1],
        metrics=Metrics(),
        now=lambda: NOON,
        revision="test",
    )
    pipeline = Pipeline(
        parts,
        bounds=QueueLimits(batch_rows=2, queue_rows=100, queue_bytes=10_000),
        duplicates=DeduplicationWindow(),
    )

    async def traffic() -> None:
        async def one(nth: int, payload: bytes, ends_as: set[str]) -> None:
            for _ in range(nth):
                await asyncio.sleep(0)
            try:
                await pipeline.accept(wrap(payload, message_id=f"m{nth + 1}"))
            except RetryError:
                return
            assert ends_as <= written(root)

        await asyncio.gather(*(one(nth, *each) for nth, each in enumerate(messages())))
        if drains:
            async with asyncio.timeout(10):
                await drains[0]
            assert pipeline._batcher.rows == pipeline._batcher.size == 0

    try:
        loop.run_until_complete(traffic())
        for each in (*drains, *(sink.close() for sink in sinks)):
            loop.run_until_complete(each)
        return bool(drains)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.mark.parametrize("quick_seconds", [0.0, 3600.0], ids=["in a thread", "on the loop"])
def test_a_pipeline_drained_at_any_point_acknowledged_nothing_that_is_not_durable(
    tmp_path: Path, envelope: Wrap, quick_seconds: float
) -> None:
    """Every point where a task can be interrupted is walked; every message is durable or nacked."""
    point = 1
    while drained_at(point, tmp_path / str(point), envelope, quick_seconds):
        point += 1
    assert point > TURNS_OF_THE_PIPELINE


@pytest.mark.parametrize("step", range(STEPS_OF_THE_WORKER))
def test_sigterm_at_any_step_of_a_worker_under_traffic_ends_it_in_time(tmp_path: Path, step: int) -> None:
    """From the first connection to the last answer: it ends by itself, and what got 204 is on the disk."""
    point = 40 + 17 * step
    drained: list[int] = []

    def terminate() -> None:
        if not drained:
            drained.append(point)
            os.kill(os.getpid(), signal.SIGTERM)

    loop = Counting(point, terminate)
    chosen = Settings(
        port=0,
        results=f"file://{tmp_path}/results",
        rejects=f"file://{tmp_path}/rejects",
        ready_file=tmp_path / "ready",
        log_level="ERROR",
    )

    async def push(client: aiohttp.ClientSession, nth: int) -> None:
        reading_id = f"r{nth}"
        body = encode(ReadingFactory(nth).reading(reading_id=reading_id))
        with contextlib.suppress(aiohttp.ClientError):
            async with client.post(
                "/", data=body, headers={"x-goog-pubsub-message-id": reading_id}
            ) as answer:
                assert answer.status in {204, 503}
                if answer.status == 204:
                    assert reading_id in written(tmp_path)

    async def scenario() -> None:
        serving = asyncio.create_task(serve(chosen))
        while not (serving.done() or (tmp_path / "ready").exists()):  # noqa: ASYNC110  a file has no event
            await asyncio.sleep(0.001)  # the ready file is the only news of a worker
        if (tmp_path / "ready").exists():
            async with aiohttp.ClientSession((tmp_path / "ready").read_text()) as client:
                await asyncio.gather(*(push(client, nth) for nth in range(20)))
        terminate()
        async with asyncio.timeout(10):
            await serving

    try:
        loop.run_until_complete(scenario())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
