"""The one booster for all peers, the port that they listen on, and the file that some of them answer from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import xgboost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.equal_work.result_file import ResultFile
    from benchmarks.peers.push_body import Pushed

MODEL: Final = Path(os.environ.get("BENCH_MODEL", "model.ubj"))
"""The raw UBJ of the booster that answers in this run."""

PORT: Final = int(os.environ.get("BENCH_PORT", "8000"))
BATCH: Final = int(os.environ.get("BENCH_BATCH", "64"))
"""Readings in a batch at most, where a peer batches."""

WAIT_MS: Final = 1
"""How long such a batch waits for more."""

RESULTS: Final = os.environ.get("BENCH_RESULTS", "")
"""The file that results are synced to before they are answered; nothing is kept where it is empty."""


def load() -> xgboost.Booster:
    """Load the booster for one thread, as the worker does."""
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(MODEL.read_bytes()))
    # Loading brings the thread count of training back.
    booster.set_param({"nthread": 1})
    return booster


def _results() -> ResultFile | None:
    if not RESULTS:
        return None
    from benchmarks.peers.equal_work.result_file import ResultFile  # noqa: PLC0415  Beam's environment has no msgspec

    return ResultFile(RESULTS)


class PeerModel:
    """The booster of a peer; where it does the same work as Rookery, results are durable before it answers."""

    def __init__(self) -> None:
        """Load the booster, and open the results."""
        self._booster = load()
        self._results = _results()

    def answer(self, batch: Sequence[Pushed]) -> list[int]:
        """Give the position of the likeliest label for each reading of a batch; one sync for all of them."""
        rows = np.asarray([row for row, _ in batch], dtype=np.float32)
        found = self._booster.inplace_predict(rows)
        # A model of two labels may answer with the second one's probability alone.
        labels: list[int] = ((found >= 0.5) if found.ndim == 1 else found.argmax(axis=1)).tolist()  # noqa: PLR2004  half
        if self._results is not None:
            self._results.append([message_id for _, message_id in batch], labels, found.tolist())
        return [int(label) for label in labels]
