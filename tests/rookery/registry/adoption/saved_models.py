"""Saved models of every form that is adopted, over tables of every kind, each made when it is asked for."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import xgboost
from sklearn import datasets

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: Final = 240


class KnownTable(NamedTuple):
    """Features, class numbers, and the names of the classes."""

    features: pd.DataFrame
    classes: np.ndarray
    names: tuple[str, ...]


class SavedModel(NamedTuple):
    """The case's name, its table, and a function that fits on it and gives what has save_model."""

    name: str
    table: str
    fit: Callable[[KnownTable], Any]
    ending: str = "ubj"


def _scikit(load: Callable[..., Any], names: tuple[str, ...] | None = None) -> KnownTable:
    found = load(as_frame=True)
    chosen = np.random.default_rng(2).permutation(len(found.target))[:ROWS]
    classes = found.target.to_numpy()[chosen]
    words = names or tuple(map(str, getattr(found, "target_names", range(classes.max() + 1))))
    return KnownTable(found.data.iloc[chosen].reset_index(drop=True), classes, words)


def _mixed() -> KnownTable:
    """Numbers negative, tiny and huge, zeros, whole numbers, flags, words (some of one length), and gaps."""
    chance = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "temperature": chance.normal(-10, 15, ROWS).round(2),
            "tiny": chance.normal(size=ROWS) * 1e-9,
            "huge": chance.normal(size=ROWS) * 1e12,
            "often zero": np.where(chance.random(ROWS) < 0.7, 0.0, chance.normal(size=ROWS)),
            "count": chance.integers(0, 9, ROWS),
            "open": chance.random(ROWS) < 0.4,
            "colour": pd.Categorical(chance.choice(["red", "tan", "sky", "null", "yes"], ROWS)),
            "size": pd.Categorical(chance.choice(["small", "medium", "large"], ROWS)),
        }
    )
    score = frame["temperature"] / 15 + frame["count"] / 4 + (frame["colour"] == "red") * 2 + frame["open"]
    for name in ("temperature", "often zero"):
        frame.loc[chance.random(ROWS) < 0.2, name] = np.nan
    frame.loc[chance.random(ROWS) < 0.1, "colour"] = np.nan
    return KnownTable(frame, np.digitize(score, np.quantile(score, [0.4, 0.75])), ("no", "null", "yes"))


def _numbered() -> KnownTable:
    """Words that are numbers: the categories are whole numbers in the model."""
    chance = np.random.default_rng(4)
    code = chance.integers(0, 4, ROWS)
    frame = pd.DataFrame(
        {"code": pd.Categorical(np.array([10, 20, 5, 7])[code]), "x": chance.normal(size=ROWS)}
    )
    return KnownTable(frame, ((code > 1) ^ (frame["x"].to_numpy() > 0.5)).astype(int), ("10", "9"))


def _wide(features: int, labels: int, seed: int = 5) -> KnownTable:
    chance = np.random.default_rng(seed)
    rows = max(ROWS, labels * 12)
    classes = chance.integers(0, labels, rows)
    matrix = chance.normal(size=(rows, features))
    matrix[:, 0] += classes
    matrix[:, -1] -= 2 * (classes % 3)
    if features > 1:
        matrix[chance.random(matrix.shape) < 0.05] = np.nan
    names = [f"m{place}" for place in range(features)]
    return KnownTable(
        pd.DataFrame(matrix.astype(np.float32), columns=names),
        classes,
        tuple(f"l{each:02d}" for each in range(labels)),
    )


TABLES: Final[dict[str, Callable[[], KnownTable]]] = {
    "iris": lambda: _scikit(datasets.load_iris),
    "wine": lambda: _scikit(datasets.load_wine),
    "breast cancer": lambda: _scikit(datasets.load_breast_cancer, ("malignant", "benign")),
    "digits": lambda: _scikit(datasets.load_digits),
    "mixed": _mixed,
    "numbered": _numbered,
    "one feature": lambda: _wide(1, 2),
    "wide": lambda: _wide(300, 3),
    "many labels": lambda: _wide(6, 26),
    "two labels": lambda: _wide(12, 2, seed=6),
    "gaps": lambda: _wide(20, 4, seed=7),
}


@cache
def table(name: str) -> KnownTable:
    """A table by its name."""
    return TABLES[name]()


def wrapped(**options: Any) -> Callable[[KnownTable], Any]:
    """scikit-learn's wrapper."""

    def fit(known: KnownTable) -> Any:
        kind = getattr(xgboost, options.get("kind", "XGBClassifier"))
        chosen: dict[str, Any] = {
            "n_estimators": 8,
            "max_depth": 3,
            "n_jobs": 1,
            "enable_categorical": True,
        } | options
        chosen.pop("kind", None)
        if "early_stopping_rounds" in chosen:
            half = np.arange(len(known.classes)) % 2 == 0
            model = kind(**chosen)
            return model.fit(
                known.features[half],
                known.classes[half],
                eval_set=[(known.features[~half], known.classes[~half])],
                verbose=False,
            )
        return kind(**chosen).fit(known.features, known.classes)

    return fit


def native(
    rounds: int = 8, *, matrix: bool = False, stop: bool = False, **options: Any
) -> Callable[[KnownTable], Any]:
    """xgboost.train, on a frame, or on a matrix without names."""

    def fit(known: KnownTable) -> Any:
        features = known.features.to_numpy(dtype=np.float32) if matrix else known.features
        data = xgboost.DMatrix(features, known.classes, enable_categorical=True, nthread=1)
        chosen = {"objective": "multi:softprob", "max_depth": 3, "nthread": 1} | options
        if chosen["objective"].startswith("multi"):
            chosen["num_class"] = len(known.names)
        if not stop:
            return xgboost.train(chosen, data, rounds)
        even = np.flatnonzero(np.arange(len(known.classes)) % 2 == 0)
        odd = np.setdiff1d(np.arange(len(known.classes)), even)
        return xgboost.train(
            chosen,
            data.slice(even),
            rounds,
            evals=[(data.slice(odd), "v")],
            early_stopping_rounds=3,
            verbose_eval=False,
        )

    return fit


SOFTMAX: Final = {"objective": "multi:softmax"}
LOGISTIC: Final = {"objective": "binary:logistic"}

MODELS: Final = (
    SavedModel("wrapped softprob", "iris", wrapped()),
    SavedModel("wrapped softprob in JSON", "iris", wrapped(), "json"),
    SavedModel("wrapped wine", "wine", wrapped(max_depth=6)),
    SavedModel("wrapped logistic", "breast cancer", wrapped()),
    SavedModel("wrapped logistic in JSON", "breast cancer", wrapped(max_depth=5), "json"),
    SavedModel("wrapped digits", "digits", wrapped()),
    SavedModel("native softprob", "wine", native()),
    SavedModel("native softprob in JSON", "wine", native(), "json"),
    SavedModel("native softmax", "iris", native(**SOFTMAX)),
    SavedModel("native softmax in JSON", "digits", native(**SOFTMAX), "json"),
    SavedModel("wrapped softmax", "wine", wrapped(**SOFTMAX)),
    SavedModel("softmax without names", "iris", native(matrix=True, **SOFTMAX)),
    SavedModel("native logistic", "two labels", native(**LOGISTIC)),
    SavedModel("logistic without names", "breast cancer", native(matrix=True, **LOGISTIC), "json"),
    SavedModel("early stopping", "wine", wrapped(n_estimators=80, early_stopping_rounds=3)),
    SavedModel("early stopping, two labels", "two labels", wrapped(n_estimators=80, early_stopping_rounds=3)),
    SavedModel("early stopping by xgboost.train", "gaps", native(80, stop=True, eta=0.8)),
    SavedModel("early stopping of softmax", "gaps", native(80, stop=True, eta=0.8, **SOFTMAX), "json"),
    SavedModel("categories", "mixed", wrapped()),
    SavedModel("categories in sets", "mixed", wrapped(max_cat_to_onehot=1, n_estimators=20), "json"),
    SavedModel("categories, early stopping", "mixed", wrapped(n_estimators=80, early_stopping_rounds=3)),
    SavedModel("categories that are numbers", "numbered", wrapped()),
    SavedModel("dart", "iris", native(booster="dart", rate_drop=0.3, seed=3)),
    SavedModel("dart, two labels", "two labels", wrapped(booster="dart", rate_drop=0.3)),
    SavedModel("one feature", "one feature", wrapped()),
    SavedModel("wide", "wide", wrapped(n_estimators=40)),
    SavedModel("large", "two labels", native(2000, eta=0.02, max_depth=4, **LOGISTIC)),
    SavedModel("many labels", "many labels", wrapped()),
    SavedModel("several trees at once", "gaps", wrapped(kind="XGBRFClassifier", n_estimators=6)),
    SavedModel("pruned", "gaps", native(tree_method="exact", gamma=1.5)),
    SavedModel(
        "by loss, with a base score",
        "two labels",
        native(grow_policy="lossguide", max_leaves=9, max_depth=0, base_score=0.2, **LOGISTIC),
    ),
    SavedModel("weighted", "breast cancer", wrapped(scale_pos_weight=3.5, reg_alpha=0.5, subsample=0.7)),
)


def file_of(case: SavedModel) -> str:
    """The name of a case's file."""
    return f"{case.name.replace(' ', '-').replace(',', '')}.{case.ending}"


def write_all(folder: Path) -> None:
    """Fit and save every model, and beside it what its own wrapper answers to its table."""
    for case in MODELS:
        path = folder / file_of(case)
        case.fit(table(case.table)).save_model(path)
        np.save(path.with_suffix(".npy"), predict_proba(path, case.table))


def predict_proba(path: Path, name: str) -> np.ndarray:
    """The answers of scikit-learn's wrapper to a table, from a saved model."""
    model = xgboost.XGBClassifier()
    model.load_model(path)
    return np.asarray(model.predict_proba(table(name).features))


if __name__ == "__main__":
    # A process of its own: a worker's xgboost, which tests share, has no wrapper.
    if len(sys.argv) == len(["program", "folder"]):
        write_all(Path(sys.argv[1]))
    for given, its_table in zip(sys.argv[1::2], sys.argv[2::2], strict=False):
        np.save(Path(given).with_suffix(".npy"), predict_proba(Path(given), its_table))
