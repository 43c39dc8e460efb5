"""`rookery train FILE --label COLUMN`: a model of any table."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rookery.cli import app
from rookery.errors import UserError
from rookery.schemas.contract.source import contract_of
from rookery.worker.models.loader import load

SIZE = ("--depth", "2", "--rounds", "3")


def table(tmp_path: Path, labels: tuple[str, ...]) -> Path:
    path = tmp_path / "made.csv"
    rows = (
        f"{(row % len(labels)) - 0.5 + row / 100:.3f},{('m', 'n', '')[row % 3]},{row % 4},{labels[row % len(labels)]}\n"
        for row in range(60)
    )
    path.write_text("cell size [mm],side,count,the label\n" + "".join(rows))
    return path


@pytest.mark.parametrize("labels", [("yes", "no"), ("null", "10", "9")])
def test_a_table_becomes_a_model_that_the_worker_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: tuple[str, ...]
) -> None:
    """Labels of any text stay as they are, the inferred contract is shown before training, and the report follows."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["train", str(table(tmp_path, labels)), "--label", "the label", *SIZE])
    assert done.exit_code == 0, done.output
    assert done.output.index("cell size [mm]") < done.output.index("Learned from")
    assert "answers by multi:softprob" in done.output
    contract = contract_of("made.ubj")
    assert (contract.target, set(contract.labels)) == ("the_label", set(labels))
    classifier = load(Path("made.ubj"))
    answers = classifier.classify(
        classifier.contract.fields_matrix([{"cell size [mm]": -0.4}, {"cell size [mm]": 0.9}])
    )
    assert [contract.labels[place] for place in answers.label_indices[:1]] == [labels[0]]


def test_the_contract_that_is_given_wins(tmp_path: Path) -> None:
    """Names, labels' order and bounds are the file's; a cell beyond them is refused with its line."""
    file, contract, out = table(tmp_path, ("a", "b")), tmp_path / "made.json", tmp_path / "out.ubj"
    runner = CliRunner()
    assert (
        runner.invoke(
            app, ["contract", "infer", str(file), "--label", "the label", "--out", str(contract)]
        ).exit_code
        == 0
    )
    turned = contract.read_text().replace('"a",\n    "b"', '"b",\n    "a"')
    contract.write_text(turned)
    given = ["--contract", str(contract), "--out", str(out), *SIZE]
    assert runner.invoke(app, ["train", str(file), *given]).exit_code == 0
    assert contract_of(out).labels == ("b", "a")
    contract.write_text(turned.replace('"most": 33.0', '"most": 2.0'))
    refused = runner.invoke(app, ["train", str(file), *given])
    assert isinstance(refused.exception, UserError)
    assert "line 5: count: at most 2 is possible (3)" in str(refused.exception)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "The column of the labels is needed."),
        (("--label", "the label", "--depth", "2"), "--depth and --rounds are given together"),
        (("--label", "side"), "10 readings of"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """Nothing is written."""
    file = table(tmp_path, ("a", "b"))
    if "side" in arguments:
        file.write_text(file.read_text() + "1,rare,1,a\n")
    done = CliRunner().invoke(app, ["train", str(file), *arguments])
    assert isinstance(done.exception, UserError)
    assert sentence in str(done.exception)
    assert [*tmp_path.iterdir()] == [file]
