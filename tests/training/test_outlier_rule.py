"""The outlier rule: limits for any number of measurements, however they depend on each other, and a small card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rookery.schemas.contract.contract import Contract
from rookery.schemas.contract.feature import Feature
from rookery.training.outliers.calibration import FALSE_ALARMS, MOST_FEATURES, calibrate
from rookery.training.outliers.distances import excess
from rookery.training.tables.data import TrainingData
from rookery.training.validation import ValidationPlan

PLAN = ValidationPlan()


def data_of(columns: dict[str, Any], labels: np.ndarray, **kinds: Feature) -> TrainingData:
    features = tuple(kinds.get(name, Feature(name=name)) for name in columns)
    names = tuple("abcdefghij"[: labels.max() + 1])
    contract = Contract(name="made", target="label", labels=names, features=features)
    matrix = np.column_stack(list(columns.values())).astype(np.float32)
    return TrainingData(contract, matrix, labels, 0, "")


def normal(rows: int, width: int, seed: int = 1) -> tuple[dict[str, Any], np.ndarray]:
    chance = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    matrix = chance.normal(size=(rows, width)) + 4 * labels[:, None]
    return {f"m{place}": matrix[:, place] for place in range(width)}, labels


def test_every_number_of_present_measurements_has_its_own_limit() -> None:
    """Readings of the same kind are flagged at the promised rate, whichever of their measurements they lack; far ones are found."""
    columns, labels = normal(1200, 4)
    data = data_of(columns, labels)
    found = calibrate(data, PLAN, seed=3)
    assert found is not None
    assert len(found.rule.limits) == 5
    unseen, _ = normal(30_000, 4, seed=2)
    rows = np.column_stack(list(unseen.values())).astype(np.float32)[:3000]
    chance = np.random.default_rng(5)
    rows[chance.random(rows.shape) < 0.3] = np.nan
    rows = rows[~np.isnan(rows).all(axis=1)]
    flagged = (excess(rows, found.rule, data.contract) > 1).mean()
    assert 0.3 * FALSE_ALARMS < flagged < 2.5 * FALSE_ALARMS
    assert found.false_alarms <= 2 * FALSE_ALARMS
    assert (excess(rows + np.float32(60), found.rule, data.contract) > 1).all()


def dependent() -> TrainingData:
    columns, labels = normal(300, 3)
    chance = np.random.default_rng(4)
    columns |= {
        "twice": 2 * columns["m0"],
        "sum": columns["m1"] + columns["m2"],
        "constant": np.ones(300),
        "of one label": np.where(labels == 1, chance.normal(size=300), 0),
        "tiny": columns["m1"] * 1e-12,
        "huge": columns["m2"] * 1e12,
        "word": chance.integers(0, 3, 300),
        "flag": chance.integers(0, 2, 300),
        "gaps": np.where(chance.random(300) < 0.9, np.nan, columns["m0"]),
        "nothing": np.full(300, np.nan),
    }
    word = Feature(name="word", kind="category", categories=("x", "y", "z"))
    return data_of(columns, labels, word=word, flag=Feature(name="flag", kind="flag"))


def test_dependent_constant_and_sparse_columns_leave_a_rule_that_every_pattern_can_be_whitened_by() -> None:
    """Each covariance is positive definite, so that each of its submatrices is; constant columns, words and flags are not measured."""
    data = dependent()
    found = calibrate(data, PLAN, seed=3)
    assert found is not None
    assert {"constant", "word", "flag", "nothing"}.isdisjoint(found.rule.features)
    assert {"twice", "sum", "tiny", "huge", "gaps", "of one label"} <= set(found.rule.features)
    chance = np.random.default_rng(6)
    for cluster in found.rule.clusters:
        covariance = np.array(cluster.covariance)
        for _ in range(200):
            present = np.flatnonzero(chance.random(len(covariance)) < 0.5)
            np.linalg.cholesky(covariance[np.ix_(present, present)])
    assert np.isfinite(found.rule.limits).all()
    assert (excess(data.matrix, found.rule, data.contract) > 1).mean() < 0.05


def test_a_rule_of_many_measurements_stays_small() -> None:
    """Of 300 measurements the ones that the model uses most are taken, and limits between those tried lie on a line."""
    columns, labels = normal(400, 300)
    data = data_of(columns, labels)
    found = calibrate(data, PLAN, most_used=["m299", "m7"], seed=3)
    assert found is not None
    assert len(found.rule.features) == MOST_FEATURES
    assert {"m299", "m7"} <= set(found.rule.features)
    assert len(found.rule.limits) == MOST_FEATURES + 1
    assert list(found.rule.limits) == sorted(found.rule.limits)
    assert len(found.rule.model_dump_json()) < 200_000


@pytest.mark.parametrize("constant", [{}, {"same": np.full(60, 7.0)}])
def test_without_anything_measured_there_is_no_rule(constant: dict[str, np.ndarray]) -> None:
    """Words alone, or a single value, say nothing of distances."""
    labels = np.arange(60) % 2
    word = Feature(name="word", kind="category", categories=("x", "y"))
    assert calibrate(data_of({"word": labels, **constant}, labels, word=word), PLAN, seed=3) is None


def test_the_same_seed_draws_the_same_patterns() -> None:
    """The rule of many measurements is the same each time."""
    columns, labels = normal(200, 20)
    data = data_of(columns, labels)
    assert calibrate(data, PLAN, seed=3) == calibrate(data, PLAN, seed=3)
