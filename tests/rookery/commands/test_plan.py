"""`rookery plan`: a page and a table, and a sentence where there can be none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from rookery.capacity.plan import PlanRequest, ask
from rookery.cli import app
from rookery.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_plan_is_drawn_and_priced(tmp_path: Path) -> None:
    """Both ways of sending, over time and in dollars, with the premises beside them."""
    page = tmp_path / "plan.html"
    asked = ["plan", "--rate", "500/s", "--shape", "stress", "--seconds", "5", "--out", str(page)]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert "$ per million, all" in shown.output
    text = page.read_text()
    assert text.count("<svg") == 10
    assert "Simulated, not measured" in text
    assert "List prices of 2026-11-23" in text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (PlanRequest(rate=1e6, seconds=60), "can be"),
        (PlanRequest(rate=0.0001, seconds=1), "0 messages"),
        (PlanRequest(rate=10, shape="square"), "square is no shape"),
    ],
    ids=["too much", "nothing", "shape"],
)
def test_what_cannot_be_simulated_is_said(question: PlanRequest, said: str) -> None:
    """Too much, nothing at all, or a shape that there is none of."""
    with pytest.raises(UserError, match=said):
        ask(question)


@pytest.mark.parametrize("wrong", [["--rate", "many"], ["--min-instances", "5", "--max-instances", "2"]])
def test_contradictions_are_refused(wrong: list[str]) -> None:
    """A rate that is none, or fewer instances at most than at least."""
    assert CliRunner().invoke(app, ["plan", *wrong]).exit_code != 0
