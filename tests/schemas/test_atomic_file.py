"""Atomic files: readers, crashes and errors never meet a part of a file."""

from __future__ import annotations

import errno
import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from rookery.schemas.atomic_file import replacing, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 1 << 20


def test_a_reader_finds_the_former_content_or_the_new_one(tmp_path: Path) -> None:
    """While several threads replace one file, each read returns the whole content of one of them."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * SIZE)
    writers = [
        threading.Thread(
            target=lambda letter=letter: [
                write_atomically(path, letter * SIZE, sync=False) for _ in range(20)
            ]
        )
        for letter in (b"b", b"c")
    ]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        content = path.read_bytes()
        seen.add((len(content), *set(content)))
    assert seen <= {(SIZE, letter) for letter in b"abc"}
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("sync", "synced"), [(True, ["file", "folder"]), (False, [])])
def test_sync_covers_the_content_and_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, sync: bool, synced: list[str]
) -> None:
    """The content is synced before the rename, the folder after it; without `sync` neither."""
    path, seen, real = tmp_path / "file", [], os.fsync

    def noting(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        assert path.exists() is folder
        seen.append("folder" if folder else "file")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    write_atomically(path, b"x", sync=sync)
    assert seen == synced


def test_a_failed_write_leaves_the_former_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file that was asked for, and no unfinished file remains."""
    path = tmp_path / "file"
    path.write_bytes(b"former")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/file'") as raised:
        write_atomically(path, b"new", sync=True)
    assert raised.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"former"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_missing_folder_is_named_as_what_it_is(tmp_path: Path) -> None:
    """The error keeps its class, so that a caller can tell a missing folder from a full disk."""
    with pytest.raises(FileNotFoundError) as raised:
        write_atomically(tmp_path / "missing" / "file", b"x", sync=False)
    assert raised.value.filename == str(tmp_path / "missing" / "file")


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o664, 0o664), (None, 0o644)])
def test_a_mode_holds_whatever_the_umask_is(tmp_path: Path, mode: int | None, expected: int) -> None:
    """Without a mode the umask decides, as it does for any file."""
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "file", b"x", sync=False, mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == expected


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_replaces_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """Neither an error nor Ctrl-C in the middle of writing touches the former content."""
    path = tmp_path / "file"
    path.write_bytes(b"former")

    def interrupted() -> None:
        with replacing(path) as unfinished:
            unfinished.write_bytes(b"ne")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_bytes() == b"former"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
