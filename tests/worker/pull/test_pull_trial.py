"""The trial of `make pulls`, small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rookery.environment.local import Folders, staged
from tools.pulls.trial import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(240)
def test_pulled_readings_are_all_predicted_and_memory_is_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream of 30,000 messages gives 30,000 results without duplicates; the worker's memory stays where it was after its warm-up, within what it remembers of ids."""
    monkeypatch.setenv("ROOKERY_COMPILED_FOREST", "off")
    monkeypatch.setenv("ROOKERY_DEDUPLICATION_ROWS", "1000")
    with staged(Folders(tmp_path), pull=True) as stage:
        outcome = run(stage, 30_000)
    assert (outcome.found.readings, outcome.found.others, outcome.found.repeated) == (30_000, 0, 0)
    grown = outcome.growth
    assert grown is not None
    assert grown.resident_after - grown.resident_before < 30_000_000
    assert "readings/s" in "".join(outcome.lines())
