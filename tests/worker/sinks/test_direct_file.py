"""Segments that pass the page cache: their lines are those that others hold, whatever the file system makes of it."""

from __future__ import annotations

import errno
import fcntl
import os
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING

import pytest

from rookery.schemas.segment import segments, whole
from rookery.worker.sinks.segments.direct_file import BLOCK, DirectFile, direct_memory
from rookery.worker.sinks.segments.errors import SegmentLostError
from rookery.worker.sinks.segments.segment import DIRECT_PIECE, Segment, recover

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    return Segment.start(tmp_path, NOON, memory=direct_memory(2 * DIRECT_PIECE))


@pytest.fixture
def passes(tmp_path: Path) -> None:
    """Skip where the file system of the tests keeps every file in the page cache."""
    descriptor = os.open(tmp_path / "probe", os.O_RDWR | os.O_CREAT)
    try:
        if DirectFile.begun(descriptor, direct_memory(BLOCK), os.pwritev) is None:
            pytest.skip(f"the file system of {tmp_path} has no O_DIRECT: set TMPDIR to a folder on a disk")
    finally:
        os.close(descriptor)


def block(size: int) -> bytes:
    """Return one line of so many bytes."""
    return (b"%d," % size * size)[: size - 1] + b"\n"


SIZES = (
    100,
    BLOCK - 100,
    BLOCK,
    1,
    2 * BLOCK + 1,
    DIRECT_PIECE,
    2 * DIRECT_PIECE,
    2 * DIRECT_PIECE + 1,
    5 * DIRECT_PIECE + 3,
    300_000,
)


def test_after_each_block_all_lines_are_there_and_nothing_that_a_reader_trusts_behind_them(
    tmp_path: Path, segment: Segment
) -> None:
    """A block may end anywhere within a block of the disk: the next one begins there, and a reader sees no filler."""
    blocks = [block(size) for size in SIZES]
    for content, expected in zip(blocks, accumulate(blocks), strict=True):
        segment.append(content)
        (path,) = segments(tmp_path)
        assert whole(path.read_bytes()) == expected
    segment.seal()
    (path,) = segments(tmp_path)
    assert path.read_bytes() == b"".join(blocks)


def test_a_killed_workers_segment_is_sealed_with_its_lines_alone(tmp_path: Path, segment: Segment) -> None:
    """The filler that stands behind them is cut off by the next start."""
    segment.append(block(300_000))
    os.close(segment._descriptor)
    assert recover(tmp_path) == 1
    (path,) = segments(tmp_path)
    assert path.read_bytes() == block(300_000)


@pytest.mark.usefixtures("passes")
def test_lines_leave_no_page_in_memory(segment: Segment) -> None:
    """A worker that writes gigabytes of tables does not crowd out of memory what other programs read."""
    calls: list[int] = []
    real = os.pwritev

    def writing(descriptor: int, pieces: Sequence[bytes], place: int) -> int:
        calls.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT)
        return real(descriptor, pieces, place)

    with pytest.MonkeyPatch.context() as watched:
        watched.setattr(os, "pwritev", writing)
        segment.append(block(300_000))
    assert calls == [os.O_DIRECT]


@pytest.mark.parametrize("said", [errno.EINVAL, errno.EOPNOTSUPP])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_file_system_that_refuses_such_a_write_after_all_gets_an_ordinary_one(
    tmp_path: Path, segment: Segment, monkeypatch: pytest.MonkeyPatch, call: int, said: int
) -> None:
    """Blocks before and behind that write are there as well."""
    real, count = os.pwritev, 0

    def refusing(descriptor: int, pieces: Sequence[bytes], place: int) -> int:
        nonlocal count
        count += 1
        if count == call:
            raise OSError(said, os.strerror(said))
        return real(descriptor, pieces, place)

    monkeypatch.setattr(os, "pwritev", refusing)
    blocks = [block(size) for size in (300_000, 5_000, 400_001)]
    for each in blocks:
        segment.append(each)
    segment.seal()
    (path,) = segments(tmp_path)
    assert path.read_bytes() == b"".join(blocks)


def test_where_there_is_no_such_way_a_segment_is_an_ordinary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that does not know O_DIRECT says so when a file is to pass the page cache."""
    real = fcntl.fcntl

    def ignorant(descriptor: int, command: int, flags: int = 0) -> int:
        if command == fcntl.F_SETFL and flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(descriptor, command, flags)

    monkeypatch.setattr(fcntl, "fcntl", ignorant)
    segment = Segment.start(tmp_path, NOON, memory=direct_memory(2 * DIRECT_PIECE))
    blocks = [block(size) for size in (300_000, 5_000)]
    for each in blocks:
        segment.append(each)
    segment.seal()
    (path,) = segments(tmp_path)
    assert path.read_bytes() == b"".join(blocks)


CUTS: dict[str, Callable[[int], int]] = {
    "to nothing": lambda _: 0,
    "within its lines": lambda size: size // 2,
    "by its last line": lambda size: size - 300_000,
    "within its last block": lambda size: size - 5,
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_a_segment_that_was_cut_is_noticed_before_the_next_line_is_written(
    tmp_path: Path, segment: Segment, cut: Callable[[int], int]
) -> None:
    """Else it would have a hole, with which it ends for its readers."""
    for size in (300_000, 300_000):
        segment.append(block(size))
    (path,) = segments(tmp_path)
    os.truncate(path, cut(path.stat().st_size))
    with pytest.raises(SegmentLostError):
        segment.append(block(5_000))


@pytest.mark.parametrize("cut", [0, BLOCK, 300_000 // BLOCK * BLOCK - BLOCK])
def test_a_hole_that_was_made_while_a_block_was_written_is_noticed_behind_it(
    tmp_path: Path, segment: Segment, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    """A file that was cut just before the write is as long as it should be after it."""
    segment.append(block(300_000))
    (path,) = segments(tmp_path)
    real = os.pwritev

    def overtaken(descriptor: int, pieces: Sequence[bytes], place: int) -> int:
        os.truncate(path, cut)
        return real(descriptor, pieces, place)

    monkeypatch.setattr(os, "pwritev", overtaken)
    with pytest.raises(SegmentLostError):
        segment.append(block(5_000))
