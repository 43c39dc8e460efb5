"""StandardBooster: a saved XGBoost model as one that answers with probabilities, or the reason why it cannot."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xgboost

from rookery.registry.adoption.saved_form import NotAdoptableError, SavedForm, form_of
from rookery.worker.models.booster_check import MAJOR, MalformedBoosterError, check_decoded
from rookery.worker.models.booster_facts import CATEGORY, LOGISTIC, SOFTPROB
from rookery.worker.models.ubj import MalformedUbjError, decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SOFTMAX: Final = "multi:softmax"
_NEEDED: Final = "Train it with the objective multi:softprob, or binary:logistic for two labels."
_REASONS: Final = (
    ("binary:logitraw", "it answers with raw scores, which are no probabilities"),
    ("binary:hinge", "it answers 0 or 1 and knows no probability"),
    ("rank:", "it orders rows and has no labels"),
    ("survival:", "it answers with times, not with labels"),
    ("reg:", "it answers with numbers, which is regression"),
    ("count:", "it answers with numbers, which is regression"),
)
"""Beginnings of objectives, and why they are not served."""


@dataclass(frozen=True, slots=True)
class StandardBooster:
    """A booster of softprob or logistic whose every round answers.

    `original` is what was saved, and `best_rounds` how many of its rounds answer. `labels` is the number of labels;
    `types` are XGBoost's of the features, empty where it knows none; `categories` maps the place of a feature to its words
    as the model has them. `notes` say what was done to it.
    """

    booster: xgboost.Booster
    original: xgboost.Booster
    objective: str
    best_rounds: int
    labels: int
    names: tuple[str, ...]
    types: tuple[str, ...]
    categories: Mapping[int, tuple[str, ...]]
    trees: list[Mapping[str, Any]]
    notes: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of features."""
        return int(self.booster.num_features())

    def predict_proba(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer rows (n, features) with (n, labels) as scikit-learn's wrapper around the original does."""
        types = [*self.types] or None
        data = xgboost.DMatrix(rows, feature_types=types, enable_categorical=True, nthread=1)
        options: dict[str, Any] = {"iteration_range": (0, self.best_rounds), "validate_features": False}
        if self.objective == SOFTMAX:
            margins = self.original.predict(data, output_margin=True, **options).astype(np.float64)
            powers = np.exp(margins - margins.max(axis=1, keepdims=True))
            shares: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
            return shares
        answers: NDArray[np.float32] = self.original.predict(data, **options)
        return answers if answers.ndim > 1 else np.stack([1 - answers, answers], axis=1)


def standard_booster(raw: bytes) -> StandardBooster:
    """Read a saved model and bring it into the standard form; raises NotAdoptableError."""
    form = form_of(raw)
    original, learner = _read(raw, form)
    objective = _objective(learner)
    notes = [f"saved as {form}, objective {objective}"]
    booster = original
    if objective == SOFTMAX:
        booster = _loaded(bytes(original.save_raw("ubj")))
        booster.set_param({"objective": SOFTPROB})
        notes.append(
            f"{SOFTMAX} answers with labels alone: it answers as {SOFTPROB}, with their probabilities"
        )
    rounds = original.num_boosted_rounds()
    best = _best_rounds(original, rounds)
    if best < rounds:
        booster = _cut(booster, best)
        notes.append(f"early stopping: the best {best} of {rounds} rounds answer")
    if learner["gradient_booster"]["name"] == "dart":
        notes.append("dart: answered slower than gbtree")
    if booster is not original:
        learner = _learner(booster)
    model = model_of(learner)
    return StandardBooster(
        booster=booster,
        original=original,
        objective=objective,
        best_rounds=best,
        labels=max(2, int(learner["learner_model_param"]["num_class"])),
        names=tuple(learner["feature_names"]),
        types=tuple(learner["feature_types"]),
        categories={
            place: words for place, each in enumerate(model["cats"]["enc"]) if (words := _words(each))
        },
        trees=model["trees"],
        notes=tuple(notes),
    )


def model_of(learner: Mapping[str, Any]) -> Any:
    """The trees and what belongs to them."""
    booster = learner["gradient_booster"]
    return booster["model"] if "model" in booster else booster["gbtree"]["model"]


def _read(raw: bytes, form: SavedForm) -> tuple[xgboost.Booster, Any]:
    """Read a saved model, and what XGBoost calls its learner.

    What XGBoost 3 wrote is checked before its parser sees a byte, for a damaged model ends the process.
    """
    if form == "UBJ":
        try:
            found = decode(raw)
            if next(iter(found["version"])) == MAJOR:
                _objective(found["learner"])
                check_decoded(found)
                return _loaded(raw), found["learner"]
        except (MalformedUbjError, MalformedBoosterError, KeyError, TypeError, StopIteration) as error:
            raise NotAdoptableError(f"it is damaged, or no model of XGBoost: {error}") from None
    booster = _loaded(raw)
    return booster, _learner(booster)


def _loaded(raw: bytes) -> xgboost.Booster:
    try:
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(raw))
    except (xgboost.core.XGBoostError, UnicodeError) as error:
        said = str(error).splitlines()[0]
        raise NotAdoptableError(f"xgboost {xgboost.__version__} cannot read it: {said}") from None
    booster.set_param({"nthread": 1})
    return booster


def _learner(booster: xgboost.Booster) -> Any:
    return decode(bytes(booster.save_raw("ubj")))["learner"]


def _objective(learner: Mapping[str, Any]) -> str:
    """The objective of a model that can be served; raises NotAdoptableError."""
    name = learner["gradient_booster"]["name"]
    if name not in {"gbtree", "dart"}:
        raise NotAdoptableError(f"its booster is {name}, which has no trees", needed="gbtree is needed.")
    objective = str(learner["objective"]["name"])
    if int(learner["learner_model_param"]["num_target"]) > 1:
        raise NotAdoptableError(f"it has several outputs ({objective} with several targets)", needed=_NEEDED)
    if objective in {SOFTPROB, SOFTMAX, LOGISTIC}:
        return objective
    reason = next(
        (why for begin, why in _REASONS if objective.startswith(begin)), "it is not one that is served"
    )
    raise NotAdoptableError(f"its objective is {objective}: {reason}", needed=_NEEDED)


def _best_rounds(booster: xgboost.Booster, rounds: int) -> int:
    best = booster.attr("best_iteration")
    return min(int(best) + 1, rounds) if best is not None and best.isdigit() else rounds


def _cut(booster: xgboost.Booster, rounds: int) -> xgboost.Booster:
    """The first rounds of a booster with everything else that it has: slicing would lose its categories."""
    whole = json.loads(booster.save_raw("json"))
    learner = whole["learner"]
    model = model_of(learner)
    model["iteration_indptr"] = model["iteration_indptr"][: rounds + 1]
    count = model["iteration_indptr"][-1]
    model["trees"], model["tree_info"] = model["trees"][:count], model["tree_info"][:count]
    model["gbtree_model_param"]["num_trees"] = str(count)
    if "weight_drop" in learner["gradient_booster"]:
        learner["gradient_booster"]["weight_drop"] = learner["gradient_booster"]["weight_drop"][:count]
    return _loaded(json.dumps(whole).encode())


def _words(dictionary: Mapping[str, Any]) -> tuple[str, ...]:
    """The categories of a feature: texts one after the other, cut at their offsets, or numbers."""
    values = dictionary["values"]
    if "offsets" not in dictionary:
        return tuple(
            f"{each:g}" if isinstance(each, float) else str(each) for each in np.asarray(values).tolist()
        )
    offsets = list(dictionary["offsets"])
    text = np.asarray(values, dtype=np.int64).astype(np.uint8).tobytes()
    return tuple(text[begin:end].decode(errors="replace") for begin, end in itertools.pairwise(offsets))


def is_category(standard: StandardBooster, place: int) -> bool:
    """Whether the model splits a feature by sets of categories."""
    return bool(standard.types) and standard.types[place] == CATEGORY
