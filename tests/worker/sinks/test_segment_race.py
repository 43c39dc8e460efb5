"""Two workers over one folder: what one starts, the other does not sweep away."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rookery.schemas.segment import segments
from rookery.worker.sinks.segments.segment import Segment, recover

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_segment_that_was_swept_up_between_its_birth_and_its_lock_is_not_appended_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that starts in that very moment takes the new file for a dead worker's; nothing is lost in it."""
    real = fcntl.flock
    swept: list[int] = []

    def overtaken(descriptor: int, operation: int) -> None:
        if not swept:
            monkeypatch.setattr(fcntl, "flock", real)
            swept.append(recover(tmp_path))
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    segment = Segment.start(tmp_path, NOON)
    segment.append(b"{}\n")
    segment.seal()
    assert swept == [1]
    assert [file.read_bytes() for file in segments(tmp_path)] == [b"{}\n"]


def test_a_segment_that_cannot_be_sealed_is_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is closed, so that a disk that fails for hours costs no open files, and the next start can seal it."""
    segment = Segment.start(tmp_path, NOON)
    segment.append(b"{}\n")

    def fails(_: int) -> None:
        raise OSError(5, "broken")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="broken"):
            segment.seal()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(segment._descriptor)
