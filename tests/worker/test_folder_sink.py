"""The folder sink: whole files under final names, or nothing."""

from __future__ import annotations

import errno
import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from worker.folder_sink import UNFINISHED, FolderSink
from worker.sink import Block, SinkUnavailable

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def block(key: str = "k", *lines: bytes) -> Block:
    return Block(key=key, lines=lines or (b'{"a":1}\n', b'{"a":2}\n'), written_at=NOON)


async def test_a_block_is_one_file_under_its_day_and_hour(tmp_path: Path) -> None:
    """The layout is the one that query engines know."""
    await FolderSink(tmp_path / "deep" / "er").write(block())
    file = tmp_path / "deep/er/date=2026-11-23/hour=12/k.ndjson"
    assert file.read_bytes() == b'{"a":1}\n{"a":2}\n'
    assert [path.name for path in file.parent.iterdir()] == ["k.ndjson"]


async def test_a_redelivered_block_writes_nothing_twice(tmp_path: Path) -> None:
    """The first answer stays; the second write is already durable."""
    sink = FolderSink(tmp_path)
    await sink.write(block("k", b"first\n"))
    await sink.write(block("k", b"second\n"))
    assert [path.read_bytes() for path in tmp_path.rglob("*.ndjson")] == [b"first\n"]


async def test_file_and_folder_are_synced_before_write_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Durable means that content, name and new folders are on the disk, in this order."""
    synced: list[str] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    await FolderSink(tmp_path / "new").write(block())
    hour = str(tmp_path / "new/date=2026-11-23/hour=12")
    assert set(synced[:3]) == {str(tmp_path), str(tmp_path / "new"), str(tmp_path / "new/date=2026-11-23")}
    assert synced[3].startswith(f"{hour}/{UNFINISHED}")
    assert synced[4:] == [hour]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
async def test_a_full_or_broken_disk_leaves_no_file_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """What could not be synced is not there, not even in part."""

    def fails(_: int) -> None:
        raise OSError(code, os.strerror(code))

    sink = FolderSink(tmp_path)
    await sink.write(block("before"))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails)
        with pytest.raises(SinkUnavailable, match=os.strerror(code)):
            await sink.write(block("during"))
    await sink.write(block("after"))
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "after.ndjson",
        "before.ndjson",
    ]


async def test_what_a_killed_worker_left_is_swept_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    """Only the lock of a living writer protects an unfinished file."""
    await FolderSink(tmp_path).write(block())
    hour = tmp_path / "date=2026-11-23/hour=12"
    (hour / f"{UNFINISHED}dead").write_bytes(b'{"half')
    with (hour / f"{UNFINISHED}alive").open("xb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        await FolderSink(tmp_path).open()
        assert sorted(path.name for path in hour.iterdir()) == [f"{UNFINISHED}alive", "k.ndjson"]


async def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    """A worker does not start over a sink that it cannot use."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SinkUnavailable, match="cannot write to"):
        await FolderSink(tmp_path / "file" / "results").open()
