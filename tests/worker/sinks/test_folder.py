"""The folder sink: every line that was answered for is on the disk, whole, and a reader trusts nothing else."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rookery.schemas.segment import OPEN, segments, whole
from rookery.worker.sinks.folder import FolderSink, RotationPolicy
from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
NEVER = RotationPolicy(seconds=3600)


def block(key: str, *lines: bytes, at: datetime = NOON) -> LineBlock:
    return LineBlock(key=key, lines=lines or (f'"{key}"\n'.encode(),), written_at=at)


def trusted(root: Path) -> list[bytes]:
    return [line for path in segments(root) for line in whole(path.read_bytes()).splitlines(keepends=True)]


@pytest.fixture(params=[0.0, 3600.0], ids=["in a thread", "on the loop"])
def quick(request: pytest.FixtureRequest) -> float:
    """The disk is taken for quick never or always: every promise holds both ways."""
    seconds: float = request.param
    return seconds


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


async def test_blocks_are_readable_at_once_and_one_sealed_file_in_the_end(
    tmp_path: Path, quick: float
) -> None:
    """Few files, in the layout that query engines know, and no wait for a reader."""
    sink = FolderSink(tmp_path / "deep" / "er", roll=NEVER, quick_seconds=quick)
    await sink.write(block("a", b'{"a":1}\n', b'{"a":2}\n'))
    await sink.write(block("b", b'{"b":1}\n'))
    assert trusted(tmp_path) == [b'{"a":1}\n', b'{"a":2}\n', b'{"b":1}\n']
    assert [name.startswith(OPEN) for name in names(tmp_path)] == [True]
    await sink.close()
    (file,) = (tmp_path / "deep/er/date=2026-11-23/hour=12").iterdir()
    assert not file.name.startswith(".")
    assert file.read_bytes() == b'{"a":1}\n{"a":2}\n{"b":1}\n'


async def test_a_segment_is_sealed_by_its_age(tmp_path: Path, quick: float) -> None:
    """An idle worker leaves nothing hidden."""
    sink = FolderSink(tmp_path, roll=RotationPolicy(seconds=0), quick_seconds=quick)
    await sink.write(block("a"))
    while any(name.startswith(".") for name in names(tmp_path)):  # noqa: ASYNC110  a file has no event
        await asyncio.sleep(0)
    assert trusted(tmp_path) == [b'"a"\n']
    await sink.close()


async def test_a_segment_is_sealed_by_its_size_and_at_the_end_of_its_hour(
    tmp_path: Path, quick: float
) -> None:
    """Files stay of a size that tools like, and in the folder of their hour."""
    sink = FolderSink(tmp_path, roll=RotationPolicy(seconds=3600, size=8), quick_seconds=quick)
    for nth in range(4):
        await sink.write(block(f"{nth}", b"12345678\n"))
    assert len(names(tmp_path)) == 4
    late = FolderSink(tmp_path / "late", roll=NEVER, quick_seconds=quick)
    await late.write(block("a"))
    await late.write(block("b", at=NOON + timedelta(hours=1)))
    await sink.close()
    await late.close()
    assert [path.parent.name for path in segments(tmp_path / "late")] == ["hour=12", "hour=13"]


async def test_a_batch_that_is_redelivered_whole_is_not_written_twice(tmp_path: Path, quick: float) -> None:
    """The first answer stays; the second write is already durable."""
    sink = FolderSink(tmp_path, quick_seconds=quick)
    await sink.write(block("k", b"first\n"))
    await sink.write(block("k", b"second\n"))
    await sink.close()
    assert trusted(tmp_path) == [b"first\n"]


async def test_folders_names_and_lines_are_synced_before_write_returns(
    tmp_path: Path, quick: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Durable means that the new folders, the file's name and the lines are on the disk, in this order."""
    synced: list[str] = []

    def noting(real: object) -> object:
        def _noting(descriptor: int) -> None:
            synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
            real(descriptor)  # type: ignore[operator]

        return _noting

    monkeypatch.setattr(os, "fsync", noting(os.fsync))
    monkeypatch.setattr(os, "fdatasync", noting(os.fdatasync))
    sink = FolderSink(tmp_path / "new", roll=NEVER, quick_seconds=quick)
    await sink.write(block("a"))
    hour = str(tmp_path / "new/date=2026-11-23/hour=12")
    assert set(synced[:3]) == {str(tmp_path), str(tmp_path / "new"), str(tmp_path / "new/date=2026-11-23")}
    assert synced[3] == hour
    assert [one.startswith(f"{hour}/{OPEN}") for one in synced[4:]] == [True]
    await sink.close()


async def test_lines_are_synced_where_a_system_has_no_fdatasync(
    tmp_path: Path, quick: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On macOS, which has fsync alone, the lines are on the disk as well when write returns."""
    synced: list[str] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.delattr(os, "fdatasync")
    monkeypatch.setattr(os, "fsync", noting)
    sink = FolderSink(tmp_path, roll=NEVER, quick_seconds=quick)
    await sink.write(block("a"))
    assert synced[-1].startswith(OPEN)
    await sink.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
async def test_a_full_or_broken_disk_leaves_no_line_of_a_failed_block(
    tmp_path: Path, quick: float, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Lines that could not be synced are absent, not even there in part; those before and after are there."""

    def fails(_: int) -> None:
        raise OSError(code, os.strerror(code))

    sink = FolderSink(tmp_path, roll=NEVER, quick_seconds=quick)
    await sink.write(block("before"))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fails)
        with pytest.raises(SinkUnavailableError, match=os.strerror(code)):
            await sink.write(block("during"))
    await sink.write(block("after"))
    await sink.close()
    assert sorted(trusted(tmp_path)) == [b'"after"\n', b'"before"\n']


def test_a_really_full_disk_is_a_retry_and_leaves_whole_lines_only(tmp_path: Path) -> None:
    """Under the kernel's own limit on a file's size, nothing torn is left and what was durable stays."""
    program = """
import asyncio, resource, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from rookery.worker.sinks.folder import FolderSink, RotationPolicy
from rookery.worker.sinks.protocol import LineBlock, SinkUnavailableError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
async def main():
    sink = FolderSink(Path(sys.argv[1]), roll=RotationPolicy(seconds=3600))
    block = lambda key: LineBlock(key=key, lines=[b"x" * 299 + b"\\n"] * 2, written_at=datetime.now(UTC))
    await sink.write(block("fits"))
    try:
        await sink.write(block("does not"))
    except SinkUnavailableError:
        print("unavailable")
    await sink.close()
asyncio.run(main())
"""
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=30
    )
    assert said.stdout == "unavailable\n"
    assert trusted(tmp_path) == [b"x" * 299 + b"\n"] * 2


async def test_what_a_killed_worker_left_is_sealed_without_its_torn_line_and_a_living_ones_is_let_be(
    tmp_path: Path,
    quick: float,
) -> None:
    """Only the lock of a living worker keeps a segment open."""
    hour = tmp_path / "date=2026-11-23/hour=12"
    hour.mkdir(parents=True)
    (hour / f"{OPEN}dead.ndjson").write_bytes(b'{"whole":1}\n{"torn')
    (hour / f"{OPEN}torn.ndjson").write_bytes(b'{"torn')
    with (hour / f"{OPEN}alive.ndjson").open("wb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        sink = FolderSink(tmp_path, quick_seconds=quick)
        await sink.open()
        assert names(tmp_path) == [f"{OPEN}alive.ndjson", "dead.ndjson"]
    assert (hour / "dead.ndjson").read_bytes() == b'{"whole":1}\n'
    await sink.close()


async def test_what_is_no_file_is_not_waited_for_at_the_start(tmp_path: Path) -> None:
    """A FIFO or a folder with the name of a killed worker's segment is let be."""
    os.mkfifo(tmp_path / f"{OPEN}a.ndjson")
    (tmp_path / f"{OPEN}b.ndjson").mkdir()
    sink = FolderSink(tmp_path)
    async with asyncio.timeout(10):
        await sink.open()
    await sink.close()
    assert len([*tmp_path.iterdir()]) == 2


async def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path, quick: float) -> None:
    """A worker does not start over a sink that it cannot use."""
    (tmp_path / "file").write_text("not a folder")
    sink = FolderSink(tmp_path / "file" / "results", quick_seconds=quick)
    with pytest.raises(SinkUnavailableError, match="cannot write to"):
        await sink.open()
    await sink.close()


def test_files_that_are_no_segments_are_not_read(tmp_path: Path) -> None:
    """Hidden folders, hidden files and other endings are not the worker's."""
    for name in ("a.ndjson", ".hidden.ndjson", "b.json", ".git/c.ndjson", f"{OPEN}d.ndjson"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in segments(tmp_path)] == ["a.ndjson", f"{OPEN}d.ndjson"]


async def test_a_disk_that_is_slow_no_more_is_written_to_on_the_loop_again(tmp_path: Path) -> None:
    """One slow sync sends the next block into the thread, one quick sync brings the ones behind it back."""
    times = iter([0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0])
    threads: list[str] = []

    def clock() -> float:
        threads.append(threading.current_thread().name)
        return next(times)

    sink = FolderSink(tmp_path, roll=NEVER, quick_seconds=0.5, clock=clock)
    for name in "abc":
        await sink.write(block(name))
    here = threading.current_thread().name
    assert threads[::2] == threads[1::2] == [here, "folder-sink_0", here]
    assert trusted(tmp_path) == [b'"a"\n', b'"b"\n', b'"c"\n']
    await sink.close()


async def test_the_space_that_is_prepared_for_lines_is_never_taken_for_lines(
    tmp_path: Path, quick: float
) -> None:
    """An open segment is longer than what it holds; readers do not see it, and a sealed one is not."""
    sink = FolderSink(tmp_path, roll=NEVER, quick_seconds=quick)
    lines = [f'"{name}{"." * 30_000}"\n'.encode() for name in "abcdef"]
    for nth, line in enumerate(lines):
        await sink.write(block(f"{nth}", line))
        assert trusted(tmp_path) == lines[: nth + 1]
    (file,) = segments(tmp_path)
    assert file.stat().st_size > len(b"".join(lines))
    await sink.close()
    (file,) = segments(tmp_path)
    assert file.read_bytes() == b"".join(lines)


async def test_a_killed_workers_segment_is_cut_to_its_lines_whatever_stood_behind_them(
    tmp_path: Path,
) -> None:
    """Neither space that was prepared nor a torn line, nor what a disk wrote behind a hole, is left by the next start."""
    hour = tmp_path / "date=2026-11-23/hour=12"
    hour.mkdir(parents=True)
    for nth, rest in enumerate([b"", b"\0" * 9000, b'{"torn"', b'{"torn\0\0"}\n', b'\0\0{"late":1}\n\0']):
        (hour / f"{OPEN}{nth}.ndjson").write_bytes(b'"whole"\n' + rest)
    assert trusted(tmp_path) == [b'"whole"\n'] * 5
    sink = FolderSink(tmp_path)
    await sink.open()
    assert [file.read_bytes() for file in segments(tmp_path)] == [b'"whole"\n'] * 5
    assert not any(name.startswith(".") for name in names(tmp_path))
    await sink.close()


@pytest.mark.parametrize(("mode", "folders"), [(0o600, 0o700), (0o640, 0o750)])
async def test_results_are_their_users_alone_or_as_it_was_chosen(
    tmp_path: Path, quick: float, mode: int, folders: int
) -> None:
    """Every folder and file that is made, while a segment is open and when it is sealed."""
    sink = FolderSink(tmp_path / "deep" / "er", roll=NEVER, quick_seconds=quick, mode=mode)
    await sink.open()
    await sink.write(block("a"))

    def modes() -> set[tuple[bool, int]]:
        return {(each.is_dir(), stat.S_IMODE(each.stat().st_mode)) for each in tmp_path.rglob("*")}

    assert modes() == {(True, folders), (False, mode)}
    await sink.close()
    assert modes() == {(True, folders), (False, mode)}
