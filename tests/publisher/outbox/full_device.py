"""A device whose disk is full for a while, and whose link comes back before there is free space.

Run as `python full_device.py limited FOLDER BYTES` (no file may be larger), or, in a mount namespace of its own, as
`python full_device.py itself|another FOLDER` (a disk of 512 kB); exits with 0 if all went well.
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

from rookery.publisher.errors import PublishError, StillStoredError
from rookery.publisher.message import OutgoingMessage
from rookery.publisher.outbox.sender import OutboxSender
from rookery.publisher.outbox.store import Outbox

PAGE = bytes(4_096)


class Link:
    """A transport that takes everything and keeps it."""

    address = "link"

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def reach(self, timeout_s: float) -> None:
        """It is there."""

    def send(self, message: OutgoingMessage) -> Future[str]:
        self.sent.append(message.payload)
        answer: Future[str] = Future()
        answer.set_result(f"id-{len(self.sent)}")
        return answer

    def close(self) -> None:
        """Nothing to release."""


def filled(outbox: Outbox) -> list[bytes]:
    """Store until it was refused four times; returns what was stored."""
    stored, refused = list[bytes](), 0
    while refused < 4:
        payload = b"%06d" % len(stored) + b"x" * 500
        try:
            outbox.store(OutgoingMessage(payload, {}))
            stored.append(payload)
        except PublishError:
            refused += 1
    return stored


def limited(folder: Path, most: int) -> None:
    """No file may grow: what is stored is sent once, though it may be deleted only when there is free space."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    outbox, link = Outbox(folder / "out.db"), Link()
    stored = filled(outbox)
    sender = OutboxSender(outbox, lambda: link, first_pause_s=0.01)
    with contextlib.suppress(StillStoredError):
        sender.flush(1)
    assert link.sent == stored
    assert stored
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sender.store(OutgoingMessage(b"later", {})).result(20)
    sender.flush(20)
    sender.close()
    assert link.sent == [*stored, b"later"]


def small_disk(folder: Path, filled_by: str) -> None:
    """A disk of 512 kB: filled by the outbox it empties while it is full, filled by another file when that is gone."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], check=True)
    outbox, filler = Outbox(folder / "out.db"), folder / "filler"
    outbox.store(OutgoingMessage(b"first", {}))
    if filled_by == "another":
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(PAGE) == len(PAGE):
                pass
    stored, link = [b"first", *filled(outbox)], Link()
    assert (len(stored) == 1) == filler.exists()
    filler.unlink(missing_ok=True)
    sender = OutboxSender(outbox, lambda: link, first_pause_s=0.01)
    sender.flush(20)
    sender.store(OutgoingMessage(b"later", {})).result(20)
    sender.close()
    assert link.sent == [*stored, b"later"]


if __name__ == "__main__":
    if sys.argv[1] == "limited":
        limited(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        small_disk(Path(sys.argv[2]), sys.argv[1])
