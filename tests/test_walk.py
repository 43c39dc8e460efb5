"""The walk: how many files and moves one pushed reading takes through a worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tools.walk import shortest_walk

if TYPE_CHECKING:
    from pathlib import Path

FILES: Final = 30
MOVES: Final = 40


def test_one_pushed_reading_takes_few_files_and_moves(tmp_path: Path) -> None:
    """A pushed reading passes at most these files and moves, from its bytes to its answer."""
    walk = asyncio.run(shortest_walk(tmp_path))
    assert walk.steps[0] == "worker/http/fast_path.py:data_received"
    assert walk.steps[-1] == "worker/http/fast_path.py:_answer"
    assert len(walk.files) <= FILES, walk.steps
    assert walk.moves <= MOVES, walk.steps
