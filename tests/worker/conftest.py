"""A pipeline over stand-ins that keep the protocols' promises, and envelopes to send through it."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rookery.schemas.envelope import Envelope
from rookery.worker.batching.batcher import QueueLimits
from rookery.worker.observability.metrics import Metrics
from rookery.worker.parts import PipelineParts
from rookery.worker.pipeline import Pipeline
from rookery.worker.testing import MemorySink, RuleClassifier
from tests.shipped import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rookery.worker.observability.observer import BatchObserver

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BOUNDS = QueueLimits(batch_rows=4096, queue_rows=10_000, queue_bytes=10_000_000)


def by_length(rows: NDArray[np.float32]) -> NDArray[np.intp]:
    """Long flippers are Gentoos, long bills Chinstraps."""
    flipper, bill = (rows[:, FEATURES.index(f"{name}_length_mm")] for name in ("flipper", "bill"))
    return np.where(flipper > 205, 2, np.where(bill > 43, 1, 0)).astype(np.intp)


@dataclass
class House:
    """A pipeline and the stand-ins around it."""

    pipeline: Pipeline
    classifier: RuleClassifier
    results: MemorySink
    rejects: MemorySink
    metrics: Metrics

    @property
    def predictions(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.results.lines]

    @property
    def rejections(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.rejects.lines]


@pytest.fixture
def build() -> Callable[..., House]:
    """Build a house; `classifier` and `bounds` may be chosen."""

    def _build(
        classifier: RuleClassifier | None = None,
        bounds: QueueLimits = BOUNDS,
        *,
        coalesces: bool = False,
        feature_sample_rows: int = 0,
        observers: Sequence[BatchObserver] = (),
    ) -> House:
        classifier = classifier or RuleClassifier(rule=by_length)
        results, rejects, metrics = MemorySink(), MemorySink(), Metrics()
        parts = PipelineParts(
            models=classifier,
            results=results,
            rejects=rejects,
            metrics=metrics,
            now=lambda: NOON,
            revision="test",
            coalesces=coalesces,
            named=coalesces,
            feature_sample_rows=feature_sample_rows,
            observers=observers,
        )
        return House(Pipeline(parts, bounds=bounds), classifier, results, rejects, metrics)

    return _build


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    return build()


@pytest.fixture
def envelope() -> Callable[..., Envelope]:
    """Wrap a payload as a delivered message, each with an id of its own."""
    ids = itertools.count(1)

    def _envelope(payload: bytes, **fields: Any) -> Envelope:
        data = base64.b64encode(payload).decode()
        return Envelope(**{"message_id": f"m{next(ids)}", "data": data, "published_at": NOON, **fields})

    return _envelope
