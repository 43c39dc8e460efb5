"""A station whose programs are killed while a file is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.station_trial import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(400)
def test_every_row_of_a_file_is_accounted_for_whatever_is_killed(tmp_path: Path) -> None:
    """Broker and worker are killed -9 while a file is published: each row is one prediction or one bad row."""
    found, bad = run(tmp_path, rows=20_000, seed=2, least_kills=3)
    assert found.good(rows=20_000, bad=bad), found
    assert bad == 1
    assert found.kills >= 3
