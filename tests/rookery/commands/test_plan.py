"""`rookery plan`: a page and a table, and a sentence where there can be none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rookery.capacity.plan import PlanRequest, ask
from rookery.capacity.run import prices_in
from rookery.capacity.terraform import deployment_like
from rookery.cli import app
from rookery.errors import UserError

TERRAFORM = Path(__file__).parents[3] / "deploy" / "terraform"


def test_a_plan_is_drawn_and_priced(tmp_path: Path) -> None:
    """Both ways of sending, over time and in dollars, with the premises beside them."""
    page = tmp_path / "plan.html"
    asked = ["plan", "--rate", "500/s", "--shape", "stress", "--seconds", "5", "--out", str(page)]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert "$ per million, all" in shown.output
    text = page.read_text()
    assert text.count("<svg") == 13
    assert text.count("<figcaption>Price of a million readings: $") == 2
    assert text.count("s, log scale<") == 2
    assert re.search(r"<figcaption>Publication to ack of [\d,]+ messages<", text)
    assert "Simulated, not measured" in text
    assert "List prices of 2026-11-26, europe-west1" in text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (PlanRequest(rate=10, seconds=1e6), "can be"),
        (PlanRequest(rate=0.0001, seconds=1), "0 readings"),
        (PlanRequest(rate=10, shape="square"), "square is no shape"),
    ],
    ids=["too long", "nothing", "shape"],
)
def test_what_cannot_be_simulated_is_said(question: PlanRequest, said: str) -> None:
    """Too long, nothing at all, or a shape that there is none of."""
    with pytest.raises(UserError, match=said):
        ask(question)


@pytest.mark.parametrize("wrong", [["--rate", "many"], ["--min-instances", "5", "--max-instances", "2"]])
def test_contradictions_are_refused(wrong: list[str]) -> None:
    """A rate that is none, or fewer instances at most than at least."""
    assert CliRunner().invoke(app, ["plan", *wrong]).exit_code != 0


def test_the_idle_cost_of_terraforms_deployment_is_named_first(tmp_path: Path) -> None:
    """An instance that is always there costs more than fifty readings a second: the first line says so."""
    page = tmp_path / "plan.html"
    asked = ["plan", "--like", str(TERRAFORM), "--rate", "50/s", "--out", str(page)]
    shown = CliRunner().invoke(app, asked, env={"COLUMNS": "250"})
    assert shown.exit_code == 0, shown.output
    first, _, rest = shown.output.partition("\n")
    assert first.startswith("Idle: $57.80 a month without one reading (1 instance of 1.1 vCPU and 1.25 GiB")
    for way in (
        "push, instance billing",
        "push, request billing",
        "pull, results by object",
        "by subscription",
    ):
        assert way in rest
    assert first.replace("'", "&#x27;") in page.read_text()


def test_the_defaults_are_terraforms(tmp_path: Path) -> None:
    """Without --like the plan is of the deployment that Terraform makes where nothing is chosen."""
    outputs = [
        CliRunner()
        .invoke(app, ["plan", "--rate", "50/s", "--out", str(tmp_path / "plan.html"), *more])
        .output
        for more in ([], ["--like", str(TERRAFORM)])
    ]
    assert outputs[0] == outputs[1]


def test_a_folder_that_describes_no_deployment_is_refused(tmp_path: Path) -> None:
    """Nothing there, no Terraform, an amount that is none, a region without prices: one sentence each."""
    for text, said in (
        ("", "has no value for region"),
        ("variable {", "is no Terraform"),
    ):
        (tmp_path / "main.tf").write_text(text)
        with pytest.raises(UserError, match=said):
            deployment_like(tmp_path)
    with pytest.raises(UserError, match="moon-1 has no prices"):
        prices_in("moon-1")


def test_values_of_tfvars_win(tmp_path: Path) -> None:
    """A deployment's own values count before the variables' defaults."""
    for path in TERRAFORM.glob("*.tf"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "terraform.tfvars").write_text('region = "us-west2"\ncpu = "2"\nmin_instances = 3')
    found = deployment_like(tmp_path)
    assert (found.region, found.vcpu, found.min_instances) == ("us-west2", 2.1, 3)
