"""kill -9 at every line: whatever the worker was at, what it acknowledged is durable and no half file is trusted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rookery.worker.batch_commit
import rookery.worker.batching.batcher
import rookery.worker.batching.deduplication
import rookery.worker.batching.ticket
import rookery.worker.encoding.blocks
import rookery.worker.pipeline
import rookery.worker.sinks.folder
import rookery.worker.sinks.segments.segment
import rookery.worker.sinks.segments.segment_writer
from rookery.schemas.codec import encode
from rookery.schemas.segment import OPEN, segments, whole
from rookery.schemas.testing import ReadingFactory
from rookery.worker.batching.batcher import QueueLimits
from rookery.worker.observability.metrics import Metrics
from rookery.worker.parts import PipelineParts
from rookery.worker.pipeline import Pipeline
from rookery.worker.sinks.folder import FolderSink
from rookery.worker.testing import RuleClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, ModuleType

    from rookery.schemas.envelope import Envelope

    Wrap = Callable[..., Envelope]

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
STORY = (
    rookery.worker.pipeline,
    rookery.worker.batch_commit,
    rookery.worker.batching.batcher,
    rookery.worker.batching.ticket,
    rookery.worker.encoding.blocks,
    rookery.worker.batching.deduplication,
)
DISK = (
    rookery.worker.sinks.folder,
    rookery.worker.sinks.segments.segment_writer,
    rookery.worker.sinks.segments.segment,
)


def messages() -> list[bytes]:
    table = json.dumps({"bill_length_mm": [40, -1], "reading_id": ["m1", "m1-bad"]}).encode()
    return [encode(ReadingFactory(nth).reading(reading_id=f"m{nth}")) for nth in range(3)] + [b"{}", table]


async def classify_all(root: Path, wrap: Wrap, acknowledged: int) -> None:
    """Answer every message over a real folder; each acknowledgement is written to a file descriptor at once."""
    # One on the event loop, one in a thread.
    results, rejects = FolderSink(root / "results"), FolderSink(root / "rejects", quick_seconds=0)
    await results.open()
    await rejects.open()
    parts = PipelineParts(
        models=RuleClassifier(),
        results=results,
        rejects=rejects,
        metrics=Metrics(),
        now=lambda: NOON,
        revision="test",
    )
    pipeline = Pipeline(parts, bounds=QueueLimits(batch_rows=2, queue_rows=100, queue_bytes=100_000))

    async def one(nth: int, payload: bytes) -> None:
        await pipeline.accept(wrap(payload, message_id=f"m{nth}"))
        os.write(acknowledged, f"m{nth}\n".encode())

    await asyncio.gather(*(one(nth, payload) for nth, payload in enumerate(messages())))
    await pipeline.drain()
    await results.close()
    await rejects.close()


def killed_at(
    line: int, modules: tuple[ModuleType, ...], work: Callable[[int], None]
) -> tuple[bool, set[str]]:
    """Run `work` in a child that kills itself before the nth line of some modules; whether it died, and its words."""
    files = {module.__file__ for module in modules}
    left = [line]

    def at_line(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return at_line

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        threading.settrace(at_line)
        sys.settrace(at_line)
        try:
            work(writing)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as words:
        said = set(words.read().split())
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), said


def durable(root: Path) -> set[str]:
    """The message ids in every line that a reader may trust; a half one fails to parse."""
    contents = (whole(file.read_bytes()) for file in segments(root))
    return {json.loads(line)["message_id"] for content in contents for line in content.splitlines()}


async def everything_again(root: Path, wrap: Wrap) -> None:
    await classify_all(root, wrap, os.open(os.devnull, os.O_WRONLY))


@pytest.fixture
def fast_path() -> Iterator[Path]:
    """A folder in memory where the system has one: a killed process is no power cut, and syncs take their time."""
    memory = Path("/dev/shm")  # noqa: S108  the folder below it is made safely
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize(("modules", "stride"), [(DISK, 5), (STORY, 29)], ids=["disk", "story"])
def test_killed_at_any_line_a_worker_has_acknowledged_only_what_is_durable(
    fast_path: Path, envelope: Wrap, modules: tuple[ModuleType, ...], stride: int
) -> None:
    """After the kill no finished file is half, and the next worker sweeps up, answers all and leaves no trace."""
    line, died = 1, True
    while died:
        root = fast_path / str(line)
        died, acknowledged = killed_at(
            line, modules, lambda descriptor, root=root: asyncio.run(classify_all(root, envelope, descriptor))
        )
        assert acknowledged <= durable(root)
        asyncio.run(everything_again(root, envelope))
        assert durable(root) == {f"m{nth}" for nth in range(len(messages()))}
        assert not list(root.rglob(f"{OPEN}*"))
        line += stride
    assert acknowledged == {f"m{nth}" for nth in range(len(messages()))}
    assert line > 100
