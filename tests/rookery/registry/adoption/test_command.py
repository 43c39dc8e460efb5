"""`rookery model adopt`: from the file that save_model wrote to one that a worker serves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from rookery.__main__ import main
from rookery.cli import app
from rookery.schemas.contract.source import contract_of
from rookery.worker.models.loader import load
from tests.rookery.registry.adoption.saved_models import MODELS, file_of, table

if TYPE_CHECKING:
    from pathlib import Path

WINE = next(case for case in MODELS if case.name == "early stopping")


@pytest.fixture
def model(models: Path, tmp_path: Path) -> Path:
    path = tmp_path / "classifier.ubj"
    path.write_bytes((models / file_of(WINE)).read_bytes())
    return path


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    known = table(WINE.table)
    path = tmp_path / "known.csv"
    known.features.assign(kind=[known.names[each] for each in known.classes]).to_csv(path, index=False)
    return path


def test_a_model_is_adopted_and_what_was_taken_is_printed(model: Path, sample: Path, tmp_path: Path) -> None:
    """The contract with its bounds, the rounds that answer, the proof, and the file; the worker's loader takes it."""
    out = tmp_path / "live" / "wine.ubj"
    arguments = ["model", "adopt", str(model), "--sample", str(sample), "--label", "kind", "--out", str(out)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    for said in (
        "malic_acid",
        "kind: class_0, class_1, class_2",
        "early stopping: the best",
        "answers equal predict_proba",
    ):
        assert said in done.output
    assert f"{out}: model {load(out).model}" in done.output
    assert contract_of(out).target == "kind"


def test_a_contract_file_names_labels_and_bounds(model: Path, sample: Path, tmp_path: Path) -> None:
    """Without a sample, the contract of `contract infer` says what the model does not."""
    contract, out = tmp_path / "wine.json", tmp_path / "wine.ubj"
    runner = CliRunner()
    inferred = runner.invoke(
        app, ["contract", "infer", str(sample), "--label", "kind", "--out", str(contract)]
    )
    assert inferred.exit_code == 0
    adopted = runner.invoke(
        app, ["model", "adopt", str(model), "--contract", str(contract), "--out", str(out)]
    )
    assert adopted.exit_code == 0, adopted.output
    assert contract_of(out) == contract_of(contract)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{model}", "--label", "kind"], (2, "--label names a column of the --sample, which is not given.")),
        (["{folder}/nothing.ubj"], (2, "nothing.ubj cannot be read: No such file or directory.")),
        (["{sample}"], (1, "The model cannot be adopted: it is text")),
        (["{model}", "--sample", "{sample}", "--label", "species"], (1, "the sample has no column species")),
        (["{model}", "--sample", "{model}", "--label", "kind"], (2, "a file of .csv")),
        (["{model}", "--contract", "{sample}"], (2, "is neither JSON nor a model")),
    ],
)
def test_an_error_is_one_sentence_and_nothing_is_written(
    model: Path,
    sample: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: tuple[int, str],
) -> None:
    """A model that is refused and wrong usage have their own exit codes."""
    before = sorted(model.parent.iterdir())
    filled = [each.format(model=model, sample=sample, folder=model.parent) for each in arguments]
    argv = ["rookery", "model", "adopt", *filled, "--out", str(model.parent / "out.ubj")]
    with patch.object(sys, "argv", argv), pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().err
    code, sentence = expected
    assert (ended.value.code, sentence in printed, "Traceback" in printed) == (code, True, False), printed
    assert sorted(model.parent.iterdir()) == before
