"""PipelineParts: what a pipeline is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from rookery.worker.inference.classifier import Classifier
    from rookery.worker.observability.metrics import Metrics
    from rookery.worker.observability.observer import BatchObserver
    from rookery.worker.sinks.protocol import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineParts:
    """The concrete parts of a pipeline, chosen by the composition root."""

    classifier: Classifier
    results: Sink
    rejects: Sink
    metrics: Metrics
    now: Callable[[], datetime]
    revision: str
    gather: bool = False
    """Whether the sinks join what they get, so that the next batch need not wait until this one is durable."""

    feature_sample_rows: int = 0
    """Readings of a batch whose predictions repeat their features."""

    observers: Sequence[BatchObserver] = ()
    """Who is told of each batch when it is done, beside the metrics."""
