"""The trial of a backlog, small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.pulls.backlog import MOST_RESIDENT, run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_backlog_beyond_memory_is_delivered_whole(tmp_path: Path) -> None:
    """More messages than a subscription holds in memory come without a loss or a duplicate, and the memory of the broker stays bounded."""
    outcome = run(tmp_path, 102_000)
    assert (outcome.missing, outcome.repeated) == (0, 0)
    assert outcome.resident < MOST_RESIDENT
