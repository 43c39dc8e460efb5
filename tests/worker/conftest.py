"""A pipeline over stand-ins that keep the protocols' promises, and envelopes to send through it."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from schemas.envelope import Envelope
from worker.batcher import Bounds
from worker.metrics import Metrics
from worker.parts import Parts
from worker.pipeline import Pipeline
from worker.testing import MemorySink, RuleClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.observer import BatchObserver

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BOUNDS = Bounds(batch_rows=4096, intake_rows=10_000, intake_bytes=10_000_000)


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
        bounds: Bounds = BOUNDS,
        *,
        gather: bool = False,
        echo_rows: int = 0,
        observers: Sequence[BatchObserver] = (),
    ) -> House:
        classifier = classifier or RuleClassifier()
        results, rejects, metrics = MemorySink(), MemorySink(), Metrics()
        parts = Parts(
            classifier=classifier,
            results=results,
            rejects=rejects,
            metrics=metrics,
            now=lambda: NOON,
            revision="test",
            gather=gather,
            echo_rows=echo_rows,
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
