"""Large blocks beside small ones: no reading waits for ten thousand lines, and these are as durable as any."""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rookery.schemas.segment import segments, whole
from rookery.worker.encoding.fixed_width import FixedWidthLines, Pieces, chained, joined
from rookery.worker.sinks.folder import SMALL_LINES, FolderSink, RotationPolicy
from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError
from rookery.worker.sinks.segments.direct_file import BLOCK, direct_memory
from rookery.worker.sinks.segments.segment import DIRECT_PIECE, PIECE, Segment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
LINES = [b'{"nth":%05d,"text":"%b"}\n' % (nth, b"x" * 400) for nth in range(6 * DIRECT_PIECE // 400)]
LARGE = LineBlock(key="large", lines=LINES, written_at=NOON)
SMALL = LineBlock(key="small", lines=[b'"small"\n'], written_at=NOON)


def lines(root: Path) -> list[bytes]:
    return sorted(
        line for path in segments(root) for line in whole(path.read_bytes()).splitlines(keepends=True)
    )


@pytest.fixture(params=[False, True], ids=["by the page cache", "past it"])
def direct(request: pytest.FixtureRequest) -> bool:
    """Whether a segment passes the page cache."""
    asked: bool = request.param
    return asked


@pytest.mark.parametrize("quick", [0.0, 3600.0], ids=["in a thread", "on the loop"])
async def test_a_small_block_does_not_wait_until_a_large_one_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: float
) -> None:
    """A table whose sync hangs keeps no reading beside it from being answered."""
    assert len(LINES) > SMALL_LINES
    hangs, goes_on, sync = threading.Event(), threading.Event(), os.fdatasync

    def hanging(descriptor: int) -> None:
        if os.fstat(descriptor).st_size >= PIECE:
            hangs.set()
            assert goes_on.wait(20)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", hanging)
    sink = FolderSink(tmp_path, roll=RotationPolicy(seconds=3600), quick_seconds=quick)
    large = asyncio.create_task(sink.write(LARGE))
    assert await asyncio.to_thread(hangs.wait, 20)
    await sink.write(SMALL)
    assert b'"small"\n' in lines(tmp_path)
    assert not large.done()
    goes_on.set()
    await large
    await sink.close()
    assert lines(tmp_path) == sorted([*LINES, *SMALL.lines])


def test_a_large_block_is_synced_to_its_last_line_piece_by_piece(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    direct: bool,  # noqa: FBT001  a fixture
) -> None:
    """The disk is never given so much at once that others wait for it, and after the last sync nothing is written."""
    unsynced, most, synced = 0, 0, 0
    write, sync = os.pwritev, os.fdatasync

    def writing(descriptor: int, pieces: Sequence[bytes], place: int) -> int:
        nonlocal unsynced, most
        unsynced += sum(map(len, pieces))
        most = max(most, unsynced)
        return write(descriptor, pieces, place)

    def syncing(descriptor: int) -> None:
        nonlocal unsynced, synced
        sync(descriptor)
        synced, unsynced = synced + unsynced, 0

    monkeypatch.setattr(os, "pwritev", writing)
    monkeypatch.setattr(os, "fdatasync", syncing)
    content = b"".join(LINES)
    segment = Segment.start(tmp_path, NOON, memory=direct_memory(2 * DIRECT_PIECE) if direct else None)
    segment.append(content)
    (path,) = segments(tmp_path)
    filler = path.stat().st_size - len(content)
    # Past the page cache the last block is written whole.
    assert 0 <= filler < (BLOCK if direct else 1)
    assert (synced, unsynced) == (len(content) + filler, 0)
    assert most <= 2 * (DIRECT_PIECE if direct else PIECE) + filler < len(content) / 2
    assert lines(tmp_path) == sorted(LINES)
    segment.seal()
    assert lines(tmp_path) == sorted(LINES)


async def test_a_disk_that_fails_within_a_large_block_leaves_none_of_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its first pieces were not acknowledged, though they were synced; what stood before them is sealed."""
    sink = FolderSink(tmp_path, roll=RotationPolicy(seconds=3600))
    before = LineBlock(key="before", lines=LINES[: SMALL_LINES + 1], written_at=NOON)
    await sink.write(before)
    calls = 0

    def failing(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", failing)
        with pytest.raises(SinkUnavailableError, match="Input/output error"):
            await sink.write(LARGE)
    assert lines(tmp_path) == sorted(before.lines)
    assert "cannot seal" not in caplog.text
    await sink.write(SMALL)
    await sink.close()
    assert lines(tmp_path) == sorted([*before.lines, *SMALL.lines])


def test_a_disk_that_takes_less_than_it_is_given_gets_the_rest(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    direct: bool,  # noqa: FBT001  a fixture
) -> None:
    """A call that writes half of a block's pieces, or of one of them, loses no byte of the others."""
    write = os.pwritev

    def writing(descriptor: int, pieces: Sequence[bytes | memoryview], place: int) -> int:
        whole = b"".join(pieces)
        return write(descriptor, (whole[: len(whole) // 2 + 1],), place)

    monkeypatch.setattr(os, "pwritev", writing)
    width = len(LINES[0])
    even = [FixedWidthLines(memoryview(b"".join(LINES[:400])), width, {7: b'"other"\n'}) for _ in range(2)]
    content = joined(chained(even))
    assert isinstance(content, Pieces)
    segment = Segment.start(tmp_path, NOON, memory=direct_memory(2 * DIRECT_PIECE) if direct else None)
    segment.append(content)
    segment.seal()
    assert lines(tmp_path) == sorted(line for each in even for line in each)
