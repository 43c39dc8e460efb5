"""Random boosters for the compiled forest: objectives, depths, features, missing values and categories of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from rookery.worker.inference.xgboost_classifier import parse
from rookery.worker.runtime.light_xgboost import xgboost

ROWS = 1500
MOST_CATEGORIES = (3, 31, 33, 300)


def random_booster(seed: int) -> Any:
    """Train a booster that the seed chooses, on noise."""
    drawing = np.random.default_rng(seed)
    features = int(drawing.integers(1, 31))
    classes = int(drawing.choice([0, 0, 2, 3, 5]))
    rows = drawing.normal(size=(ROWS, features)).astype(np.float32)
    categorical = drawing.random(features) < drawing.choice([0, 0.3])
    for feature in np.flatnonzero(categorical):
        rows[:, feature] = drawing.integers(0, drawing.choice(MOST_CATEGORIES), ROWS)
    rows[drawing.random(rows.shape) < drawing.choice([0, 0.1, 0.4])] = np.nan
    labels = drawing.integers(0, classes or 2, ROWS)
    params: dict[str, Any] = {
        "objective": "multi:softprob" if classes else "binary:logistic",
        "max_depth": int(drawing.integers(1, 9)),
        "eta": float(drawing.choice([0.1, 0.3, 1])),
        "max_cat_to_onehot": int(drawing.choice([1, 4, 1000])),
        "min_child_weight": float(drawing.choice([0.1, 5])),
        "nthread": 1,
        "seed": seed,
    }
    if classes:
        params["num_class"] = classes
    types = ["c" if each else "q" for each in categorical]
    data = xgboost.DMatrix(rows, label=labels, feature_types=types, enable_categorical=True)
    return saved(xgboost.train(params, data, int(drawing.integers(1, 30))))


def saved(booster: Any) -> Any:
    """Load a booster as a worker does: from its bytes, checked."""
    return parse(bytes(booster.save_raw("ubj")))
