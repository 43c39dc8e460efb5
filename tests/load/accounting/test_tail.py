"""Tail: what follows a folder while its worker starts, seals and removes segments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rookery.load.accounting import tail
from rookery.load.accounting.tail import Tail
from rookery.schemas.segment import result_files
from rookery.worker.sinks.segments.segment import Segment

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("content", [b"", b"{}\n"])
def test_a_segment_that_is_sealed_after_the_listing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """A segment that gets its final name while a reader comes to it is read; an empty one, which is removed, has no line."""
    segment = Segment.start(tmp_path, NOON)
    if content:
        segment.append(content)

    def listed(folder: Path) -> list[Path]:
        files = result_files(folder)
        segment.seal()
        return files

    monkeypatch.setattr(tail, "result_files", listed)
    assert Tail(tmp_path).fresh() == content


def test_a_sealed_segment_that_is_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with readings that vanishes between the listing and its reading is never left out in silence."""
    segment = Segment.start(tmp_path, NOON)
    segment.append(b"{}\n")
    segment.seal()

    def listed(folder: Path) -> list[Path]:
        files = result_files(folder)
        files[0].unlink()
        return files

    monkeypatch.setattr(tail, "result_files", listed)
    with pytest.raises(FileNotFoundError):
        Tail(tmp_path).fresh()
