"""The trial of frames (`make frames`), in small."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tools.frames_trial import run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_frame_of_any_columns_comes_back_row_by_row(tmp_path: Path) -> None:
    """Every row of a frame without ids is predicted once, as in this process, and read back with its dtypes."""
    done = run(tmp_path, 4_000)
    assert (done.published, done.back, done.repeated, done.differences) == (4_000, 4_000, 0, ())
    assert done.good
    assert not replace(done, back=3_999).good
    assert not replace(done, repeated=1).good
    assert not replace(done, differences=("probability: 1 rows",)).good
