"""BentoML with adaptive batching; its requests hold a list of pushes, of one each here."""

from __future__ import annotations

from typing import Any

import bentoml  # type: ignore[import-not-found,unused-ignore]  # in its own environment only

from benchmarks.peers.model import BATCH, PeerModel
from benchmarks.peers.push_body import pushed_of


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, traffic={"timeout": 30})  # type: ignore[untyped-decorator,unused-ignore]
class PushClassifier:
    """Predicts pushes together."""

    def __init__(self) -> None:
        self._model = PeerModel()

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=1000)  # type: ignore[untyped-decorator,unused-ignore]
    def classify(self, pushes: list[dict[str, Any]]) -> list[int]:
        """Predict one batch."""
        return self._model.answer([pushed_of(push) for push in pushes])
