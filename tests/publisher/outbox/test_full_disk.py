"""An outbox on a disk that is full: nothing stored is lost or sent twice, and it goes on by itself once there is free space."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rookery.publisher.errors import BadOutboxError, OutboxFullError
from rookery.publisher.message import OutgoingMessage
from rookery.publisher.outbox.file import RESERVE_BYTES
from rookery.publisher.outbox.store import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

DEVICE = Path(__file__).with_name("full_device.py")
IN_NAMESPACE = ("unshare", "--map-root-user", "--mount")


def _mounts() -> bool:
    if shutil.which("unshare") is None:
        return False
    small = [*IN_NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", "/mnt"]
    return subprocess.run(small, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("limit", [60_000, 100_000, 300_000])
def test_an_outbox_that_no_file_may_grow_for_recovers(tmp_path: Path, limit: int) -> None:
    """Under the kernel's limit on a file's size each stored message is sent once, forgotten or not, and later ones too."""
    said = subprocess.run(
        [sys.executable, str(DEVICE), "limited", str(tmp_path), str(limit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr


@pytest.mark.skipif(not _mounts(), reason="no small file system can be mounted here")
@pytest.mark.parametrize("filled_by", ["itself", "another"])
def test_an_outbox_on_a_full_disk_of_512_kb_recovers(tmp_path: Path, filled_by: str) -> None:
    """Filled by the outbox itself, it empties over the full disk; filled by another file, it goes on when that is gone."""
    said = subprocess.run(
        [*IN_NAMESPACE, sys.executable, str(DEVICE), filled_by, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr


@pytest.fixture
def leave(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Print the free space of the disk."""
    usage = shutil.disk_usage("/")

    def leave(free: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))

    return leave


def test_a_full_disk_is_a_full_outbox(tmp_path: Path, leave: Callable[[int], None]) -> None:
    """A new message is refused in a sentence while the disk can still delete messages; with free space it is taken."""
    with Outbox(tmp_path / "out.db") as outbox:
        outbox.store(OutgoingMessage(b"first", {}))
        leave(RESERVE_BYTES)
        with pytest.raises(OutboxFullError, match="the disk is full"):
            outbox.store(OutgoingMessage(b"second", {}))
        leave(2 * RESERVE_BYTES)
        outbox.store(OutgoingMessage(b"third", {}))
        assert [each.message.payload for each in outbox.waiting()] == [b"first", b"third"]


def test_on_a_full_disk_the_oldest_give_way_where_they_may(
    tmp_path: Path, leave: Callable[[int], None]
) -> None:
    """With that policy a full disk is no end: what is new takes the place of what is old, and it is counted."""
    with Outbox(tmp_path / "out.db", when_full="drop-oldest") as outbox:
        for number in range(3):
            outbox.store(OutgoingMessage(f"{number}2345".encode(), {}))
        leave(0)
        outbox.store(OutgoingMessage(b"32345", {}))
        assert [each.message.payload for each in outbox.waiting()] == [b"12345", b"22345", b"32345"]
        assert outbox.status().dropped == 1


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """An outbox whose folder was never made, or went away, is refused in a sentence."""
    outbox = Outbox(tmp_path / "gone" / "out.db")
    with pytest.raises(BadOutboxError, match="No such file or directory"):
        outbox.store(OutgoingMessage(b"first", {}))
    with pytest.raises(BadOutboxError, match=r"gone/out\.db: No such file or directory$"):
        outbox.status()
