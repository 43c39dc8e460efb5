"""BoosterFacts: what a booster itself says of its inputs and outputs, read from its UBJ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rookery.worker.models.ubj import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

SOFTPROB: Final = "multi:softprob"
LOGISTIC: Final = "binary:logistic"

CATEGORY: Final = "c"
"""XGBoost's type of a feature that is split by sets of categories."""


@dataclass(frozen=True, slots=True)
class BoosterFacts:
    """The objective, the number of `outputs` for a row, and the features: their number, and names and types where it has any.

    `categories` maps the place of a feature to the words that the model was trained with, in the order of their codes;
    categories that are numbers are not in it.
    """

    objective: str
    outputs: int
    features: int
    names: tuple[str, ...]
    types: tuple[str, ...]
    categories: Mapping[int, tuple[str, ...]]


def read_facts(raw: bytes) -> BoosterFacts:
    """Read a booster's UBJ that check_booster accepted."""
    learner = decode(raw)["learner"]
    param = learner["learner_model_param"]
    booster = learner["gradient_booster"]
    model = booster["model"] if "model" in booster else booster["gbtree"]["model"]
    return BoosterFacts(
        objective=learner["objective"]["name"],
        outputs=max(1, int(param["num_class"])),
        features=int(param["num_feature"]),
        names=tuple(learner["feature_names"]),
        types=tuple(learner["feature_types"]),
        categories={
            place: words for place, each in enumerate(model["cats"]["enc"]) if (words := _words(each))
        },
    )


def _words(dictionary: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of a dictionary: texts one after the other, cut at its offsets."""
    if "offsets" not in dictionary:
        return ()
    offsets = list(dictionary["offsets"])
    text = np.asarray(dictionary["values"], dtype=np.int64).astype(np.uint8).tobytes()
    return tuple(text[begin:end].decode(errors="replace") for begin, end in pairwise(offsets))
