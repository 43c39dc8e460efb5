"""Variants of a model, and damaged artifacts, for tests of model loading."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np
import xgboost

from rookery.schemas.artifact import CARD_ATTRIBUTE, ModelCard, seal, unseal

if TYPE_CHECKING:
    import random

_LINE: Final = b"\nrookery-model/"


def variant(artifact: bytes, *, rounds: int) -> bytes:
    """Cut a model to its first rounds: a good artifact with another digest and other answers."""
    whole = xgboost.Booster()
    whole.load_model(bytearray(unseal(artifact)))
    card = ModelCard.model_validate_json(str(whole.attr(CARD_ATTRIBUTE)))
    booster = whole[:rounds]
    # Slicing keeps the trees alone.
    booster.feature_names, booster.feature_types = whole.feature_names, whole.feature_types
    rows = np.array(card.golden.rows, dtype=np.float32)
    golden = {
        "margins": np.asarray(booster.inplace_predict(rows, predict_type="margin")).tolist(),
        "probabilities": np.asarray(booster.inplace_predict(rows)).tolist(),
    }
    written = card.model_dump(mode="json")
    written |= {"rounds": rounds, "golden": {**written["golden"], **golden}}
    booster.set_attr(**{CARD_ATTRIBUTE: json.dumps(written)})
    return seal(bytes(booster.save_raw("ubj")))


def damaged(artifact: bytes, other: bytes, chance: random.Random) -> bytes:
    """Flip bits, cut the end, exchange blocks, or put the other artifact's booster before this one's line."""
    kind = chance.choice(("flipped", "cut", "exchanged", "swapped"))
    if kind == "cut":
        return artifact[: chance.randrange(len(artifact))]
    if kind == "swapped":
        return other[: other.rindex(_LINE)] + artifact[artifact.rindex(_LINE) :]
    return _flipped(artifact, chance) if kind == "flipped" else _exchanged(artifact, chance)


def _flipped(artifact: bytes, chance: random.Random) -> bytes:
    changed = bytearray(artifact)
    for _ in range(chance.choice((1, 1, 8, 64))):
        bit = chance.randrange(len(changed) * 8)
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _exchanged(artifact: bytes, chance: random.Random) -> bytes:
    size = chance.randrange(1, len(artifact) // 4)
    first, second = chance.randrange(size), chance.randrange(len(artifact) // 2, len(artifact) - size)
    changed = bytearray(artifact)
    changed[first : first + size] = artifact[second : second + size]
    changed[second : second + size] = artifact[first : first + size]
    return bytes(changed)
