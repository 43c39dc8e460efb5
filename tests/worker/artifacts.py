"""Artifacts of any contract, trained in a moment on seeded rows: what adopting and training write, without either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rookery.schemas.artifact import CARD_ATTRIBUTE, Cluster, Golden, ModelCard, OutlierRule, seal
from rookery.schemas.contract.contract import Contract
from rookery.worker.inference.outliers import OutlierDetector
from rookery.worker.runtime.light_xgboost import xgboost

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 400

IRIS = Contract.model_validate_json("""{
    "name": "iris", "target": "variety", "labels": ["setosa", "versi color", "100%s"],
    "features": [
        {"name": "sepal length (cm)", "least": 0, "most": 30}, {"name": "sepal.width"},
        {"name": "petals", "kind": "integer", "required": true}, {"name": "bloom %d", "kind": "flag"}
    ],
    "at_least_one_of": [["sepal length (cm)", "sepal.width"]]
}""")
"""Three labels that are no names of columns."""

CHURN = Contract.model_validate_json("""{
    "name": "churn", "target": "churned", "labels": ["no", "yes"], "threshold": 0.3,
    "features": [
        {"name": "months", "kind": "integer", "least": 0, "most": 600}, {"name": "plan", "kind": "category",
        "categories": ["basic", "null", "pro"]}, {"name": "bill"}
    ]
}""")
"""Two labels, a threshold, and categories that are split by sets."""


def wide(features: int) -> Contract:
    """A contract of so many numbers."""
    named = tuple({"name": f"f{nth}"} for nth in range(features))
    return Contract.model_validate(
        {"name": "wide", "target": "found", "labels": ("a", "b", "c"), "features": named}
    )


def drawn(contract: Contract, count: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Draw rows (count, features) that the contract can encode, a tenth of the cells missing."""
    drawing = np.random.default_rng(seed)
    rows = drawing.normal(2, 1, (count, len(contract.features))).astype(np.float32)
    for place, feature in enumerate(contract.features):
        if feature.kind in {"category", "flag"}:
            rows[:, place] = drawing.integers(0, len(feature.categories) or 2, count)
        elif feature.kind == "integer":
            rows[:, place] = drawing.integers(0, 9, count)
    rows[drawing.random(rows.shape) < 0.1] = np.nan
    return rows


def trained(contract: Contract, *, seed: int = 0, **params: Any) -> xgboost.Booster:
    """Train a booster whose answers depend on every feature."""
    rows = drawn(contract, ROWS, seed=seed)
    labels = len(contract.labels)
    score = np.nan_to_num(rows).sum(axis=1)
    answers = np.digitize(score, np.quantile(score, np.arange(1, labels) / labels))
    objective = {"objective": "binary:logistic"} if labels == 2 else _softprob(labels)
    types = [{"category": "c", "flag": "i"}.get(each.kind, "float") for each in contract.features]
    data = xgboost.DMatrix(
        rows,
        label=answers,
        feature_names=list(contract.names),
        feature_types=types,
        enable_categorical=True,
    )
    settings = {"max_depth": 3, "nthread": 1, "max_cat_to_onehot": 1, **objective, **params}
    return xgboost.train(settings, data, 6)


def _softprob(labels: int) -> dict[str, Any]:
    return {"objective": "multi:softprob", "num_class": labels}


def card_of(
    booster: xgboost.Booster, contract: Contract, *, outliers: OutlierRule | None = None
) -> ModelCard:
    """Write the card of a model of which nothing but its answers is known."""
    rows = drawn(contract, 16, seed=9)
    shares = booster.inplace_predict(rows).reshape(len(rows), -1)
    if shares.shape[1] == 1:
        shares = np.hstack((1 - shares, shares))
    far = () if outliers is None else tuple(OutlierDetector(outliers, contract.names).far(rows).tolist())
    golden = Golden(
        rows=_tuples(np.where(np.isnan(rows), None, rows.astype(object))),
        margins=_tuples(booster.inplace_predict(rows, predict_type="margin").reshape(len(rows), -1)),
        probabilities=_tuples(shares),
        out_of_distribution=far,
    )
    return ModelCard(
        contract=contract,
        xgboost_version=xgboost.__version__,
        rounds=booster.num_boosted_rounds(),
        golden=golden,
        outliers=outliers,
    )


def sealed(booster: xgboost.Booster, card: ModelCard) -> bytes:
    """Put a card into its booster and both into a file."""
    booster.set_attr(**{CARD_ATTRIBUTE: card.model_dump_json()})
    return seal(bytes(booster.save_raw("ubj")))


def artifact(contract: Contract, *, seed: int = 0, outliers: OutlierRule | None = None) -> bytes:
    """Train a model of a contract and give its file."""
    booster = trained(contract, seed=seed)
    return sealed(booster, card_of(booster, contract, outliers=outliers))


def rule_by_count(contract: Contract) -> OutlierRule:
    """An outlier rule by the number of present measurements, of as many clusters as there are labels."""
    names = tuple(each.name for each in contract.measurements)
    drawing = np.random.default_rng(4)
    clusters = []
    for _ in contract.labels:
        known = drawing.normal(2, 1, (200, len(names))) @ drawing.normal(size=(len(names), len(names)))
        covariance = np.atleast_2d(np.cov(known, rowvar=False))
        clusters.append(Cluster(mean=tuple(known.mean(axis=0).tolist()), covariance=_tuples(covariance)))
    limits = (-1.0, *(float(6 + 2 * present) for present in range(1, len(names) + 1)))
    return OutlierRule(features=names, clusters=tuple(clusters), limits=limits)


def _tuples(matrix: NDArray[Any]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
