"""The document of several runs: written from the raw data alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rookery.capacity.plan import PlanRequest
from rookery.load.accounting.ledger import Account
from rookery.load.report.document import document, limits
from rookery.load.report.run_folder import read
from tools.load_report import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rookery.load.report.run_folder import RunFolder

    Written = Callable[..., RunFolder]


def test_every_run_has_its_row_section_and_picture(written: Written, tmp_path: Path) -> None:
    """A row and a section a run, with its figures, its command, where it comes from, and a picture that is there."""
    open_account = Account(published=500, predicted=479, rejected=20, lost=("r-7",))
    folders = [written("spike"), written("stress", open_account)]
    text = document(folders, tmp_path / "pictures", beside="pictures")
    assert "| spike | broker | 500 | 100 | 80 | - | 25 ms / 1.5 s (100) | 0 | passed |" in text
    assert "| 1 | **failed** |" in text
    assert "`rookery load --shape spike`, 5 s and 1 s to settle" in text
    assert "commit 0123456789ab, on A <fast> one, 2 cores" in text
    for shape in ("spike", "stress"):
        assert f"(pictures/load-{shape}-broker.png)" in text
        assert (tmp_path / "pictures" / f"load-{shape}-broker.png").read_bytes().startswith(b"\x89PNG")


def test_what_limits_is_read_from_the_samples(written: Written) -> None:
    """A process without a core left is named; a backlog without one is the machine's; else nothing limits."""
    run = read(written())
    assert "nothing: readings were done as fast as they came" in limits(run)
    behind = replace(run, beats=[replace(each, readings=each.readings * 50) for each in run.beats])
    assert "the machine's cores together" in limits(behind)
    crowded = {**run.record.provenance, "load": 9.0}
    assert "other work" in limits(replace(behind, record=replace(run.record, provenance=crowded)))
    busy = [replace(each, cpu={"worker": 0.99, "broker": 0.2}) for each in run.samples]
    assert "the worker had no core left" in limits(replace(run, samples=busy))


def test_the_whole_document_ends_with_a_plan(written: Written, tmp_path: Path) -> None:
    """Measured first, then what Cloud Run would change, then the simulation's figures and premises."""
    path = tmp_path / "load-report.md"
    write([written()], path, question=PlanRequest(rate=200, seconds=3))
    text = path.read_text()
    assert (
        text.index("## Spike at the broker") < text.index("## How Cloud Run") < text.index("Simulated, not")
    )
    assert "| messages | " in text
