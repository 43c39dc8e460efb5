"""Training: deterministic, small, honest about what it measured, and the source of the shipped model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.testing import CliRunner

from rookery.schemas.artifact import Candidate, unseal
from rookery.schemas.contract.default import default_contract
from rookery.training.__main__ import app
from rookery.training.recipe import Size, Trained, train
from rookery.training.report import render
from rookery.training.selection import choose
from rookery.training.tables.data import TrainingData, training_data
from rookery.training.tables.source_table import read_csv
from rookery.training.validation import ValidationPlan

if TYPE_CHECKING:
    from click.testing import Result

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data" / "penguins.csv"
SHIPPED = ROOT / "worker" / "shipped" / "penguins.ubj"
QUICK = ValidationPlan(folds=3, repeats=1, depths=(2,), rounds=8, patience=3)


def known() -> TrainingData:
    return training_data(read_csv(DATA), default_contract())


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(known())


def test_the_same_data_and_seed_yield_the_same_bytes() -> None:
    """Training twice gives one artifact, and another seed another one."""
    first = train(known(), seed=3, plan=QUICK)
    assert first.artifact == train(known(), seed=3, plan=QUICK).artifact
    assert first.artifact != train(known(), seed=4, plan=QUICK).artifact


def test_the_shipped_artifact_is_what_training_yields(trained: Trained) -> None:
    """The model in every installation comes from data/penguins.csv and this code, byte for byte."""
    assert trained.artifact == SHIPPED.read_bytes(), (
        "run: make train, or python -m rookery.training --out " + str(SHIPPED)
    )


def test_a_size_that_is_given_is_taken() -> None:
    """It is scored like any other, and its report claims no choice; the same size gives the same bytes."""
    one = train(known(), plan=QUICK, size=Size(depth=4, rounds=3))
    assert (one.card.rounds, one.card.parameters["max_depth"]) == (3, 4)
    assert (one.report.chosen.depth, one.report.chosen.rounds) == (4, 3)
    assert one.artifact == train(known(), plan=QUICK, size=Size(depth=4, rounds=3)).artifact
    console = Console(width=120)
    with console.capture() as shown:
        console.print(render(one.report))
    assert "smallest" not in shown.get()


def test_the_model_knows_the_known_penguins(trained: Trained) -> None:
    """At least 98 % of the penguins are called right, seen and unseen, and every species is recalled."""
    report = trained.report
    assert report.training.accuracy >= 0.98
    assert report.cross_validated.accuracy >= 0.98
    assert min(report.cross_validated.recall.values()) >= 0.95
    assert sum(map(sum, report.cross_validated.confusion)) == pytest.approx(342)


def test_unseen_penguins_are_classified_without_some_features(trained: Trained) -> None:
    """Missing features of real files cost little accuracy: no sex, year and island, or any single measurement but the bill's length."""
    hidden = trained.report.hidden
    assert hidden.pop("bill_length_mm") >= 0.8
    assert hidden.pop("flipper_length_mm, body_mass_g, year, sex, island") >= 0.9
    assert min(hidden.values()) >= 0.96


def test_the_outlier_rule_spares_real_penguins(trained: Trained) -> None:
    """At most about one unseen penguin in a hundred is flagged, and the rule is not idle."""
    assert 0 < trained.report.false_alarms <= 0.015


def test_the_card_describes_every_feature(trained: Trained) -> None:
    """The training distribution has bins for each feature, and their shares add up to one."""
    assert tuple(trained.card.distribution) == default_contract().names
    for each in trained.card.distribution.values():
        assert len(each.shares) == len(each.edges) + 1
        assert sum(each.shares) == pytest.approx(1, abs=1e-4)
    assert trained.card.distribution["sex"].missing == pytest.approx(9 / 342, abs=1e-5)
    assert trained.card.distribution["year"].edges == (2007.5, 2008.5)


def candidate(depth: int, rounds: int, *, log_loss: float, wrong: float = 4.0) -> Candidate:
    return Candidate(depth=depth, rounds=rounds, log_loss=log_loss, standard_error=0.01, wrong=wrong)


def test_the_smallest_that_loses_nothing_is_chosen() -> None:
    """Within one standard error and one penguin of the best, the fewest leaves win; equal sizes by log loss."""
    best = candidate(3, 50, log_loss=0.030)
    too_lossy = candidate(1, 5, log_loss=0.041)
    too_wrong = candidate(1, 6, log_loss=0.035, wrong=5.1)
    worse_twin = candidate(3, 5, log_loss=0.039)
    right = candidate(2, 10, log_loss=0.038, wrong=5.0)
    assert choose([best, too_lossy, too_wrong, worse_twin, right]) == right


def test_the_report_is_readable(trained: Trained) -> None:
    """The printed report states the choice, the accuracies, the confusion and the cost of missing features."""
    console = Console(width=120)
    with console.capture() as shown:
        console.print(render(trained.report))
    for words in ("151 Adelie", "loses nothing", "called Gentoo", "year, sex, island", "98.90%"):
        assert words in shown.get()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_the_command_writes_the_artifact_whole(tmp_path: Path) -> None:
    """`python -m rookery.training` prints its report, leaves one file, and exits with 0."""
    out = tmp_path / "new" / "model.ubj"
    done = run("--data", DATA, "--out", out)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "accuracy" in done.stdout
    assert unseal(out.read_bytes())
    assert list(out.parent.iterdir()) == [out]


def test_the_command_takes_a_size(tmp_path: Path) -> None:
    """Depth and rounds are given together; one of them alone exits with 2 and names both."""
    out = tmp_path / "model.ubj"
    assert run("--data", DATA, "--out", out, "--depth", 1, "--rounds", 1).exit_code == 0
    alone = run("--data", DATA, "--out", tmp_path / "other.ubj", "--depth", 1)
    assert alone.exit_code == 2
    assert "--rounds" in alone.stderr
    assert [*tmp_path.iterdir()] == [out]


def test_bad_data_is_one_clear_error(tmp_path: Path) -> None:
    """A file without penguins exits with 2 and its reasons, and leaves nothing behind."""
    empty = tmp_path / "empty.csv"
    empty.touch()
    done = subprocess.run(
        [sys.executable, "-m", "rookery.training", "--data", empty, "--out", tmp_path / "model.ubj"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert "column species is needed" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [empty]


def test_a_place_that_cannot_be_written_is_an_error_of_its_own(tmp_path: Path) -> None:
    """A file where a folder is needed exits with 1, before any training."""
    (tmp_path / "file").touch()
    done = run("--data", DATA, "--out", tmp_path / "file" / "model.ubj")
    assert done.exit_code == 1
    assert "cannot be written" in done.stderr


def test_help_shows_an_example() -> None:
    """`--help` says what it takes and gives a line to copy."""
    done = run("--help")
    assert done.exit_code == 0
    assert "python -m rookery.training --data" in done.stdout
