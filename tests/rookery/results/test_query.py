"""Predictions read back: selected, each reading once, and scored against its label."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rookery.commands.results import app as results
from rookery.errors import UserError
from rookery.load.accounting.folder_results import predictions
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.row_reader import ReadingRow
from rookery.results.export import export
from rookery.results.id_set import Labels
from rookery.results.query import PredictionQuery, SelectedPredictions, labels_of
from rookery.results.summary import PredictionSummary
from rookery.results.training_data import training_remark
from rookery.worker.models.loader import SHIPPED, load
from tests.rookery.results.stored_results import NOON, prediction, written

PENGUINS = Path(__file__).parents[3] / "data" / "penguins.csv"


def test_each_reading_counts_once_and_is_scored(tmp_path: Path) -> None:
    """Predictions under the ids of a published file are scored against its labels, without duplicates."""
    rows = [each for each in ReadingFile(PENGUINS).rows() if isinstance(each, ReadingRow)]
    correct = [prediction(each.reading.reading_id, each.label or "") for each in rows]
    mixed = [correct[0].model_copy(update={"species": "Gentoo"}), *correct[1:]]
    root = written(tmp_path, mixed, mixed[:100])
    selected, summary = SelectedPredictions(str(root)), PredictionSummary(labels_of([str(PENGUINS)]))
    summary.enter(selected)
    assert (summary.readings, selected.duplicates, summary.scored, summary.misclassified) == (
        342,
        100,
        342,
        1,
    )
    assert summary.confusion["Adelie", "Gentoo"] == 1
    ran = CliRunner().invoke(results, ["summary", str(root), "--labels", str(PENGUINS)])
    assert ran.exit_code == 0
    assert "accuracy 99.71%: 1 of 342 labelled readings misclassified" in ran.output
    assert "342 readings (100 duplicate lines skipped)" in ran.output


@pytest.mark.parametrize("trained", [True, False])
def test_a_score_on_training_data_says_so(tmp_path: Path, *, trained: bool) -> None:
    """Where the model that answered was trained on the labelled file, its accuracy is not taken for that on new readings."""
    model = load(SHIPPED).model if trained else "another"
    rows = [each for each in ReadingFile(PENGUINS).rows() if isinstance(each, ReadingRow)]
    lines = [prediction(each.reading.reading_id, each.label or "", model=model) for each in rows]
    root = written(tmp_path / "results", lines)
    said = "The model was trained on these readings; its cross-validated accuracy is 9"
    for labels in (PENGUINS, Path(shutil.copy(PENGUINS, tmp_path / "renamed.csv"))):
        ran = CliRunner().invoke(results, ["summary", str(root), "--labels", str(labels)])
        assert ran.exit_code == 0
        assert (said in ran.output) == trained
    changed = tmp_path / "season.csv"
    changed.write_text(PENGUINS.read_text().replace("39.1", "39.2", 1))
    assert training_remark([str(changed), "-"], {model}) == ""


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (PredictionQuery(label="Gentoo"), ["b"]),
        (PredictionQuery(device="d1"), ["a"]),
        (PredictionQuery(since=date(2026, 11, 23)), ["c"]),
        (PredictionQuery(until=date(2026, 11, 22)), ["a", "b"]),
    ],
)
def test_one_may_choose(tmp_path: Path, choice: PredictionQuery, names: list[str]) -> None:
    """By day, species and device."""
    lines = [
        prediction("a", device_id="d1"),
        prediction("b", "Gentoo"),
        prediction("c", predicted_at=NOON + timedelta(days=1)),
    ]
    assert [one.reading_id for one in SelectedPredictions(str(written(tmp_path, lines)), choice)] == names


def test_a_location_without_predictions_is_a_sentence(tmp_path: Path) -> None:
    """A folder that is not there, another address, a line of something else."""
    for uri in (str(tmp_path / "nowhere"), "ftp://x/y"):
        with pytest.raises(UserError):
            list(SelectedPredictions(uri))
    (tmp_path / "x.ndjson").write_text("{}\n")
    with pytest.raises(UserError, match=r"x\.ndjson, line 1"):
        list(SelectedPredictions(str(tmp_path)))
    with pytest.raises(UserError, match="cannot be written"):
        export([], tmp_path / "no" / "out.csv", labels=Labels())


def test_lines_of_earlier_versions_are_readings_of_their_own_publish_times(tmp_path: Path) -> None:
    """A bare message id that was written after a broker's restart as well is another reading, in every reader."""
    times = [NOON, NOON.replace(hour=13), NOON]
    lines = [prediction("1", published_at=moment) for moment in times]
    written(tmp_path, lines)
    chosen = SelectedPredictions(str(tmp_path))
    assert export(chosen, tmp_path / "out.csv", labels=Labels()) == 2
    assert chosen.duplicates == 1
    assert len([*predictions(tmp_path)]) == 2
