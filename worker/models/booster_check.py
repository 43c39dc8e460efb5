"""Booster check: whether a booster's UBJ holds together, before XGBoost reads a byte of it.

A checksum says that a file is as it was written, not that it was written well: XGBoost takes counts and indices on
trust, and a wrong one ends the process (docs/decisions/0001-model-container.md).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import numpy as np

from rookery.worker.models.forest_check import BrokenForestError, check_forest
from rookery.worker.models.ubj import MalformedUbjError, decode

FEATURES: Final = 65_536
CLASSES: Final = 4_096
"""XGBoost allocates by both, whatever the trees are like."""

MAJOR: Final = 3
"""The version of XGBoost whose form is checked here."""

_PARTS: Final = 3
"""Of a version."""

_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_SOFTMAX: Final = "softmax_multiclass_param"


class MalformedBoosterError(ValueError):
    """The bytes are no booster that may be given to XGBoost; says why."""


def check_booster(raw: bytes) -> None:
    """Look at everything that XGBoost follows, allocates by or counts with; raises MalformedBoosterError."""
    try:
        check_decoded(decode(raw))
    except MalformedUbjError as error:
        raise MalformedBoosterError(str(error)) from None


def check_decoded(booster: Any) -> None:
    """Look at a booster whose UBJ is decoded already; raises MalformedBoosterError."""
    try:
        _check_version(booster)
        learner = _item(booster, "learner", dict)
        features = _check_learner(learner)
        classes = max(1, _number(learner, "learner_model_param", "num_class", most=CLASSES))
        _check_model(_item(learner, "gradient_booster", dict), features=features, classes=classes)
    except BrokenForestError as error:
        raise MalformedBoosterError(str(error)) from None


def _check_version(booster: Any) -> None:
    """Whether XGBoost reads it as it reads its own, not as the older forms that it still knows."""
    _hold(isinstance(booster, dict), "it is no object")
    version = _integers(booster, "version")
    _hold(len(version) == _PARTS and version[0] == MAJOR, f"it was not written by XGBoost {MAJOR}")


def _check_learner(learner: dict[str, Any]) -> int:
    """Look at what stands around the trees, and give the number of features."""
    param = _item(learner, "learner_model_param", dict)
    features = _number(param, "num_feature", most=FEATURES)
    classes = _number(param, "num_class", most=CLASSES)
    _hold(_number(param, "num_target", most=1) == 1, "it has several targets")
    _hold(_base_scores(param) in {1, max(1, classes)}, "its base scores are not one for each class")
    objective = _item(learner, "objective", dict)
    _hold(isinstance(objective.get("name"), str), "its objective has no name")
    if _SOFTMAX in objective:
        own = _number(objective, _SOFTMAX, "num_class", most=CLASSES)
        _hold(own == classes, "its objective is of another number of classes")
    for name in ("feature_names", "feature_types"):
        named = _item(learner, name, list)
        _hold(all(isinstance(each, str) for each in named), f"its {name} are no texts")
        _hold(len(named) in {0, features}, f"it has {len(named)} {name} for {features} features")
    return features


def _check_model(booster: dict[str, Any], *, features: int, classes: int) -> None:
    name = booster.get("name")
    _hold(name in {"gbtree", "dart"}, "its gradient booster is not gbtree")
    dropped = None
    if name == "dart":
        dropped = _item(booster, "weight_drop", (list, np.ndarray))
        booster = _item(booster, "gbtree", dict)
    model = _item(booster, "model", dict)
    trees = _item(model, "trees", list)
    count = _number(model, "gbtree_model_param", "num_trees", most=len(trees))
    _hold(count == len(trees), "it has another number of trees than it says")
    info, rounds = _integers(model, "tree_info"), _integers(model, "iteration_indptr")
    _hold(len(info) == count, "its trees are not all of a class")
    _hold(
        dropped is None or _weights(dropped) == count,
        "its weights of dropped trees are not one for each tree",
    )
    _hold(bool(((info >= 0) & (info < classes)).all()), "one of its trees is of a class that is not there")
    _hold(_partition(rounds, count), "its rounds are not a partition of its trees")
    _check_dictionaries(_item(model, "cats", dict))
    check_forest(trees, features=features)


def _check_dictionaries(cats: dict[str, Any]) -> None:
    """Look at the words of categorical features."""
    dictionaries = _item(cats, "enc", list)
    segments, order = _integers(cats, "feature_segments"), _integers(cats, "sorted_idx")
    if not (dictionaries or len(segments) or len(order)):
        return
    sizes = [_words(each) for each in dictionaries]
    whole = _partition(segments, len(order)) and np.array_equal(np.diff(segments), sizes)
    _hold(whole, "its categories are not those of its features")
    for begin, size in zip(segments, sizes, strict=False):
        own = order[begin : begin + size]
        _hold(np.array_equal(np.sort(own), np.arange(size)), "its categories have no order")


def _words(dictionary: Any) -> int:
    """How many categories a dictionary has: texts one after the other, or numbers."""
    if not isinstance(dictionary, dict):
        raise MalformedBoosterError("its categories are no dictionary")
    if "offsets" not in dictionary:
        numbers = dictionary.get("values")
        return _weights(numbers) if isinstance(numbers, list | np.ndarray) else 0
    values = _integers(dictionary, "values")
    offsets = _integers(dictionary, "offsets")
    _hold(not (len(offsets) or len(values)) or _partition(offsets, len(values)), "its categories are torn")
    return max(0, len(offsets) - 1)


def _partition(bounds: np.ndarray[Any, Any], whole: int) -> bool:
    """Whether bounds begin at 0, never fall, and end at the whole."""
    return bool(len(bounds) and bounds[0] == 0 and bounds[-1] == whole and (bounds[1:] >= bounds[:-1]).all())


def _weights(found: Any) -> int:
    """How many finite numbers there are."""
    try:
        return int(np.isfinite(np.asarray(found, dtype=np.float64)).sum())
    except (TypeError, ValueError):
        return 0


def _base_scores(param: dict[str, Any]) -> int:
    """How many base scores there are: one number, or a list of them."""
    try:
        found = json.loads(_item(param, "base_score", str))
        scores = found if isinstance(found, list) else [found]
        return len(scores) if all(math.isfinite(each) for each in scores) else 0
    except (ValueError, TypeError, OverflowError, RecursionError):
        return 0


def _number(node: dict[str, Any], *path: str, most: int) -> int:
    """Read a number that XGBoost writes as a text."""
    for name in path[:-1]:
        node = _item(node, name, dict)
    written = _item(node, path[-1], str)
    _hold(
        bool(_NUMBER.fullmatch(written)) and int(written) <= most, f"its {path[-1]} is no number up to {most}"
    )
    return int(written)


def _integers(node: dict[str, Any], name: str) -> np.ndarray[Any, Any]:
    """Read integers, which XGBoost writes as an array of their type or one by one."""
    found = node.get(name)
    if isinstance(found, list) and all(type(each) is int for each in found):
        return np.array(found, dtype=np.int64)
    if isinstance(found, np.ndarray) and found.dtype.kind in "iu":
        return found.astype(np.int64)
    raise MalformedBoosterError(f"its {name} are no whole numbers")


def _item(node: Any, name: str, kind: type[Any] | tuple[type[Any], ...]) -> Any:
    found = node.get(name) if isinstance(node, dict) else None
    _hold(isinstance(found, kind), f"its {name} is missing or of another kind")
    return found


def _hold(holds: bool, otherwise: str) -> None:  # noqa: FBT001  it reads as an assertion does
    if not holds:
        raise MalformedBoosterError(otherwise)
