"""The demo's other data sets: each is accounted for, and what follows works with its model as with the shipped one."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from rookery.cli import app
from rookery.data import DATASETS, SHIPPED
from rookery.demo.run import DemoOptions, run
from rookery.schemas.contract.source import contract_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)


def rookery(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.mark.parametrize("name", [name for name in DATASETS if name != SHIPPED])
def test_the_account_of_a_data_set_closes(tmp_path: Path, name: str) -> None:
    """Trained in the run, sent one by one, in tables and in a burst: every reading is predicted or rejected, none lost."""
    console = Console(record=True, width=200)
    assert run(DemoOptions(dataset=name, results=str(tmp_path / "run")), console) == 0, console.export_text()
    said = console.export_text()
    assert "Reconciliation passed" in said
    model = tmp_path / "run" / f"{name}.ubj"
    contract = contract_of(model)
    _export_has_the_contracts_columns(tmp_path, contract.target, contract.labels)
    _labels_are_scored(tmp_path, model, name)
    _replay_validates_by_the_contract(tmp_path, model)


def _export_has_the_contracts_columns(folder: Path, target: str, labels: tuple[str, ...]) -> None:
    done = rookery("results", "export", folder / "run" / "predictions", "--out", folder / "out.csv")
    assert done.exit_code == 0, done.output
    with (folder / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row[target] for row in rows} == {*labels}
    assert all(f"probability_{label.lower()}" in rows[0] for label in labels)


def _labels_are_scored(folder: Path, model: Path, name: str) -> None:
    known = folder / "run" / f"{name}.csv"
    done = rookery(
        "results", "summary", folder / "run" / "predictions", "--labels", known, "--contract", model
    )
    assert done.exit_code == 0, done.output
    assert contract_of(model).target in done.output


def _replay_validates_by_the_contract(folder: Path, model: Path) -> None:
    where = folder / "run" / "rejections"
    wrong = rookery("rejects", "replay", where, "--dry-run", "--contract", model)
    assert "0 of 20 readings would pass; nothing was sent" in wrong.output
