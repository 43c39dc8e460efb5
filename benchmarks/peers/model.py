"""The one booster for all peers, and the port that they listen on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import xgboost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MODEL: Final = Path(os.environ.get("BENCH_MODEL", "model.ubj"))
"""The raw UBJ of the booster that Rookery ships."""

PORT: Final = int(os.environ.get("BENCH_PORT", "8000"))
BATCH: Final = int(os.environ.get("BENCH_BATCH", "64"))
"""Readings in a batch at most, where a peer batches."""

WAIT_MS: Final = 1
"""How long such a batch waits for more."""


def load() -> xgboost.Booster:
    """Load the booster for one thread, as the worker does."""
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(MODEL.read_bytes()))
    # Loading brings the thread count of training back.
    booster.set_param({"nthread": 1})
    return booster


def winners(booster: xgboost.Booster, rows: Sequence[Sequence[float]] | NDArray[np.float32]) -> list[int]:
    """Give the position of the likeliest label for each row of shape (n, 7)."""
    found: list[int] = booster.inplace_predict(np.asarray(rows, dtype=np.float32)).argmax(axis=1).tolist()
    return found
