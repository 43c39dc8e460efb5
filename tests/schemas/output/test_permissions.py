"""Permissions: what is written of readings is its user's alone, from its first byte on, unless a setting says more."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rookery.schemas.output.permissions import (
    PRIVATE,
    VARIABLE,
    create,
    ensure_file,
    file_mode,
    make_folder,
    opener,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids="umask {:03o}".format, autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    ("files", "folders"), [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755), (0o660, 0o770), (0o664, 0o775)]
)
def test_files_and_folders_have_their_mode_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, folders: int
) -> None:
    """Every folder that had to be made, and each file in it; who may read a file may look into its folder."""
    monkeypatch.setenv(VARIABLE, f"{files:04o}")
    made = make_folder(tmp_path / "a" / "b")
    assert made == [tmp_path / "a", tmp_path / "a" / "b"]
    with open(made[1] / "file", "xb", opener=opener()) as file:
        file.write(b"x")
    assert [*map(mode, made), mode(made[1] / "file")] == [folders, folders, files]
    assert make_folder(tmp_path / "a" / "b") == []


def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """The mode of an existing file is the user's choice; the setting concerns new files."""
    file = tmp_path / "file"
    file.write_bytes(b"x")
    file.chmod(0o640)
    os.close(create(file, os.O_RDWR | os.O_CREAT, 0o664))
    tmp_path.chmod(0o755)
    make_folder(tmp_path)
    assert (mode(file), mode(tmp_path)) == (0o640, 0o755)


def test_a_file_that_is_made_for_a_library_releases_no_lock(tmp_path: Path) -> None:
    """POSIX gives up every lock of a process on a file as it closes any descriptor of it."""
    path = tmp_path / "file"
    ensure_file(path, 0o640)
    assert mode(path) == 0o640
    with path.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        ensure_file(path)
        taken = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        tried = subprocess.run([sys.executable, "-c", taken, str(path)], capture_output=True, check=False)
    assert b"BlockingIOError" in tried.stderr
    assert mode(path) == 0o640


@pytest.mark.parametrize("written", ["777", "0700", "rw", "0o600", "600 ", "0200", "-600", "0611"])
def test_a_mode_that_is_none_is_a_sentence(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """It names the variable and what is needed; nothing is written under a guess."""
    monkeypatch.setenv(VARIABLE, written)
    with pytest.raises(OSError, match=f"{VARIABLE}=.*0600"):
        file_mode()


def test_without_a_word_files_are_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable says nothing either."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert file_mode() == PRIVATE
    monkeypatch.setenv(VARIABLE, "")
    assert file_mode() == PRIVATE
