"""Drift: out-of-distribution readings are counted, and the window of the latest ones stays exact."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import aiohttp
import numpy as np
import pytest

from rookery.schemas.artifact import Distribution
from rookery.schemas.contract.contract import Contract
from rookery.worker.app import running
from rookery.worker.inference.bisection import classify
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.observability.drift import DRIFTED, Drift
from rookery.worker.observability.metrics import Metrics
from rookery.worker.settings import Settings
from tests.shipped import FEATURES
from tests.worker.artifacts import CHURN, IRIS, artifact, drawn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rookery.schemas.artifact import ModelCard
    from rookery.worker.inference.xgboost_classifier import XGBoostClassifier

ADELIE = {"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750}
EMPEROR = {"bill_length_mm": 81.0, "bill_depth_mm": 30.0, "flipper_length_mm": 340, "body_mass_g": 33000}


async def test_outliers_are_counted_apart(tmp_path: Path) -> None:
    """An emperor penguin among Adelies is answered, flagged and counted; the Adelies are not."""
    sinks = {"results": f"file://{tmp_path}/results", "rejects": f"file://{tmp_path}/rejects"}
    async with running(Settings(port=0, **sinks)) as address, aiohttp.ClientSession(address) as client:
        for penguin in (ADELIE, EMPEROR, ADELIE):
            async with client.post("/predict", json=penguin) as answer:
                (prediction,) = (await answer.json())["predictions"]
                assert prediction["out_of_distribution"] == (penguin is EMPEROR)
        async with client.get("/metrics") as answer:
            assert "rookery_out_of_distribution_total 1.0" in await answer.text()


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads that take the interpreter from each other as often as it lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried")
def test_batches_that_are_kept_by_several_threads_at_once_leave_the_window_right() -> None:
    """Singles on the loop beside tables in threads: the window holds the latest readings, and keeping never fails."""
    drift = Drift(1000, lambda: load(SHIPPED).card)

    def keep(rows: int) -> None:
        batch = np.zeros((rows, len(FEATURES)), dtype=np.float32), np.zeros(rows, dtype=np.intp)
        for _ in range(20_000):
            drift.keep(*batch)

    with ThreadPoolExecutor(4) as threads:
        for kept in [threads.submit(keep, rows) for rows in (20, 2000, 1, 300)]:
            kept.result()
    rows, label_indices = drift.latest()
    assert len(rows) == len(label_indices) == 1000


def adopted(contract: Contract) -> XGBoostClassifier:
    return load(artifact(contract))


def with_distribution(classifier: XGBoostClassifier) -> ModelCard:
    """The card of a model whose training data had half of each feature's values below 2."""
    halves = Distribution(edges=(2.0,), shares=(0.5, 0.5), missing=0.0)
    distribution = dict.fromkeys(classifier.card.contract.names, halves)
    return classifier.card.model_copy(update={"distribution": distribution})


def test_drift_of_any_contract_is_that_of_its_features() -> None:
    """Only features whose distribution the card has are compared; a feature that is not monitored raises no alarm."""
    features = [each.model_dump() for each in IRIS.features]
    features[1]["monitored"] = False
    contract = Contract.model_validate({**IRIS.model_dump(), "features": tuple(features)})
    classifier = adopted(contract)
    card = with_distribution(classifier)
    del card.distribution["bloom %d"]
    drift = Drift(1000, lambda: card)
    rows = drawn(contract, 500) + np.float32(3)
    drift.saw(rows, classify(classifier, rows))
    shifts = {shift.feature: shift for shift in drift.shifts()}
    assert [*shifts] == ["sepal length (cm)", "sepal.width", "petals"]
    assert min(shift.index for shift in shifts.values()) > DRIFTED
    assert [name for name, shift in shifts.items() if shift.drifted] == ["sepal length (cm)", "petals"]
    metrics = Metrics()
    metrics.drift(drift)
    rendered = metrics.render().decode()
    assert 'rookery_drift_index{feature="petals",monitored="true"}' in rendered
    assert 'rookery_drift_index{feature="sepal.width",monitored="false"}' in rendered


def test_drift_is_off_where_the_card_has_no_distribution() -> None:
    """An adopted model knows nothing of its training data: no series, and the metric says that drift is off."""
    classifier = adopted(IRIS)
    drift = Drift(1000, lambda: classifier.card)
    rows = drawn(IRIS, 500)
    drift.saw(rows, classify(classifier, rows))
    assert drift.shifts() == []
    metrics = Metrics()
    metrics.drift(drift)
    text = metrics.render().decode()
    assert "rookery_drift_active 0.0" in text
    assert "rookery_drift_index{" not in text


def test_readings_of_a_model_with_other_columns_are_forgotten() -> None:
    """After a swap the window holds readings of the new contract alone, and those of one with the same columns stay."""
    card = load(SHIPPED).card
    iris, churn = adopted(IRIS), adopted(CHURN)
    drift = Drift(1000, lambda: card)
    for classifier in (iris, iris, churn, load(artifact(CHURN, seed=1)), churn):
        card = with_distribution(classifier)
        rows = drawn(classifier.card.contract, 100)
        drift.saw(rows, classify(classifier, rows))
    assert drift.latest()[0].shape == (300, 3)
    assert {shift.rows for shift in drift.shifts()} <= set(range(200, 301))
    card = with_distribution(iris)
    assert drift.latest()[0].shape == (0, 4)
    assert {shift.index for shift in drift.shifts()} == {None}
