"""train and adopt: a frame of known readings, and a classifier in memory, as a model that a worker serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from sklearn.datasets import load_iris
from xgboost import XGBClassifier

import rookery
from rookery.training.tables.source_table import TrainingDataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def irises() -> pd.DataFrame:
    """The irises with their kinds as a category, and a column that is no feature."""
    found = load_iris(as_frame=True)
    kinds = pd.Categorical.from_codes(found.target, list(found.target_names))
    return found.data.assign(kind=kinds, note=[f"picked {nth}" for nth in range(len(found.data))])


def test_a_frame_is_trained_on_and_answers(irises: pd.DataFrame, tmp_path: Path) -> None:
    """The model of a frame has its labels, its card a report, and `predict` answers by it; the same frame gives the same bytes."""
    card = rookery.train(irises, "kind", out=tmp_path / "iris.ubj", size=(2, 10))
    assert card.contract.labels == ("setosa", "versicolor", "virginica")
    assert card.report is not None
    assert card.report.cross_validated.accuracy > 0.9
    answers = rookery.predict(irises, tmp_path / "iris.ubj")
    assert (answers["kind"].astype(str) == irises["kind"].astype(str)).mean() > 0.95
    nullable = irises.convert_dtypes()
    assert rookery.train(nullable, contract=tmp_path / "iris.ubj", out=tmp_path / "again.ubj", size=(2, 10))
    assert (tmp_path / "again.ubj").read_bytes() == (tmp_path / "iris.ubj").read_bytes()


def test_a_classifier_in_memory_is_adopted(irises: pd.DataFrame, tmp_path: Path) -> None:
    """A fitted XGBClassifier with a frame as its sample is served with the frame's labels and the same probabilities."""
    features = irises.drop(columns=["kind", "note"])
    fitted = XGBClassifier(n_estimators=5).fit(features, irises["kind"].cat.codes)
    card = rookery.adopt(fitted, out=tmp_path / "own.ubj", sample=irises.drop(columns="note"), label="kind")
    assert card.contract.labels == ("setosa", "versicolor", "virginica")
    answers = rookery.predict(features, tmp_path / "own.ubj")
    assert answers["probability"].to_numpy() == pytest.approx(
        fitted.predict_proba(features).max(axis=1), abs=2e-6
    )
    fitted.save_model(tmp_path / "saved.json")
    alone = rookery.adopt(tmp_path / "saved.json", out=tmp_path / "alone.ubj")
    assert alone.contract.labels == ("0", "1", "2")


def test_what_cannot_be_a_model_is_refused(irises: pd.DataFrame, tmp_path: Path) -> None:
    """No label, no frame, no classifier, a wrong column: each is one error, and nothing is written."""
    out = tmp_path / "none.ubj"
    with pytest.raises(TypeError, match="label's column is needed"):
        rookery.train(irises, out=out)
    with pytest.raises(TypeError, match="DataFrame is needed, not list"):
        rookery.train([], "kind", out=out)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="XGBoost classifier or its file"):
        rookery.adopt(object(), out=out)
    with pytest.raises(TrainingDataError, match="colour"):
        rookery.train(irises, "colour", out=out)
    assert list(tmp_path.iterdir()) == []
