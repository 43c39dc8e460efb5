"""A segment that was removed, moved or cut while it was appended to: what write returned for is on the disk even so."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rookery.schemas.segment import OPEN, segments, whole
from rookery.worker.sinks.folder import FolderSink, RotationPolicy
from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Loss = Callable[[Path], None]

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
NEVER = RotationPolicy(seconds=3600)
LONG = 40_000
"""Bytes of a line, of which two have a segment prepared ahead with filler."""


def block(name: str) -> LineBlock:
    return LineBlock(key="", lines=(f'"{name}{"." * LONG}"\n'.encode(),), written_at=NOON)


def trusted(root: Path) -> set[str]:
    """The name of every line that a reader may trust."""
    return {
        line.strip(b'".').decode()
        for path in segments(root)
        for line in whole(path.read_bytes()).splitlines()
    }


def opened(root: Path) -> Path:
    (path,) = (path for path in segments(root) if path.name.startswith(OPEN))
    return path


def _replaced(root: Path) -> None:
    path = opened(root)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


LOSSES: dict[str, Loss] = {
    "the file removed": lambda root: opened(root).unlink(),
    "the hour removed": lambda root: shutil.rmtree(opened(root).parent),
    "the day removed": lambda root: shutil.rmtree(opened(root).parent.parent),
    "everything removed": shutil.rmtree,
    "everything moved away": lambda root: root.rename(root.with_name("elsewhere")) and None,
    "another file in its place": _replaced,
    "cut to nothing": lambda root: os.truncate(opened(root), 0),
    "cut within its lines": lambda root: os.truncate(opened(root), LONG // 2),
    "cut within its latest line": lambda root: os.truncate(opened(root), opened(root).stat().st_size - 5),
}


@pytest.fixture(params=[0.0, 3600.0], ids=["in a thread", "on the loop"])
def quick(request: pytest.FixtureRequest) -> float:
    seconds: float = request.param
    return seconds


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("before", [1, 2, 3], ids=["after one", "after two", "after three"])
async def test_what_is_written_after_a_segment_was_lost_is_on_the_disk_when_write_returns(
    tmp_path: Path, quick: float, loss: Loss, before: int
) -> None:
    """A removed, moved or cut segment is noticed with the next block, which goes into a new one, folders included."""
    root = tmp_path / "results"
    sink = FolderSink(root, roll=NEVER, quick_seconds=quick)
    for nth in range(before):
        await sink.write(block(f"before {nth}"))
    loss(root)
    for name in ("next", "and another"):
        await sink.write(block(name))
        assert name in trusted(root)
    await sink.close()
    assert {"next", "and another"} <= trusted(root)
    assert not any(path.name.startswith(OPEN) for path in segments(root))


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
async def test_a_segment_that_is_lost_while_it_is_written_answers_for_nothing_that_is_not_there(
    tmp_path: Path, quick: float, monkeypatch: pytest.MonkeyPatch, loss: Loss, call: str
) -> None:
    """Whichever call the loss falls behind, the block is written anew before write returns."""
    root = tmp_path / "results"
    sink = FolderSink(root, roll=NEVER, quick_seconds=quick)
    await sink.write(block("before"))
    real = getattr(os, call)
    losses = [loss]

    def losing(*arguments: object) -> object:
        answer = real(*arguments)
        if losses:
            losses.pop()(root)
        return answer

    monkeypatch.setattr(os, call, losing)
    await sink.write(block("during"))
    assert not losses
    assert "during" in trusted(root)
    await sink.close()
    assert "during" in trusted(root)


async def test_a_segment_that_is_lost_again_and_again_is_a_retry(
    tmp_path: Path, quick: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is answered for that cannot be kept, and once it can be the sink works again."""
    sink = FolderSink(tmp_path, roll=NEVER, quick_seconds=quick)
    real = os.fdatasync

    def losing(descriptor: int) -> None:
        real(descriptor)
        opened(tmp_path).unlink()

    with monkeypatch.context() as lossy:
        lossy.setattr(os, "fdatasync", losing)
        with pytest.raises(SinkUnavailableError, match="is no longer there"):
            await sink.write(block("lost"))
    await sink.write(block("kept"))
    assert trusted(tmp_path) == {"kept"}
    await sink.close()


async def test_a_block_whose_segment_is_gone_is_written_again_when_it_is_redelivered(
    tmp_path: Path, quick: float
) -> None:
    """That a block was written once says nothing once its file was removed, sealed or not."""
    for roll in (NEVER, RotationPolicy(seconds=3600, size=1)):
        root = tmp_path / str(roll.size)
        sink = FolderSink(root, roll=roll, quick_seconds=quick)
        keyed = LineBlock(key="0a", lines=[b'"a"\n'], written_at=NOON)
        await sink.write(keyed)
        await sink.write(keyed)
        assert [whole(path.read_bytes()) for path in segments(root)] == [b'"a"\n']
        shutil.rmtree(root)
        await sink.write(keyed)
        assert trusted(root) == {"a"}
        await sink.close()


async def test_what_is_left_of_a_segment_that_was_cut_is_sealed_with_whole_lines_only(
    tmp_path: Path, quick: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a torn line nor filler stays in a sealed file, and the log names the file that was cut."""
    sink = FolderSink(tmp_path, roll=NEVER, quick_seconds=quick)
    for name in ("first", "second", "third"):
        await sink.write(block(name))
    path = opened(tmp_path)
    os.truncate(path, LONG + LONG // 2)
    await sink.close()
    (left,) = segments(tmp_path)
    assert left.read_bytes() == block("first").lines[0]
    assert str(path) in caplog.text
