"""PipelineParts: the concrete parts of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from rookery.worker.inference.classifier import CurrentModel
    from rookery.worker.observability.metrics import Metrics
    from rookery.worker.observability.observer import BatchObserver
    from rookery.worker.sinks.protocol import Sink


class PipelineParts(Struct, frozen=True, kw_only=True):
    """The parts of a pipeline, chosen by the composition root."""

    models: CurrentModel
    results: Sink
    rejects: Sink
    metrics: Metrics
    now: Callable[[], datetime]
    revision: str
    coalesces: bool = False
    """Whether the sinks coalesce blocks, so that the next batch need not wait until this one is durable."""

    named: bool = False
    """Whether a sink addresses blocks by their key."""

    columnar: bool = False
    """Whether a sink writes predictions in columns."""

    every_feature: bool = False
    """Whether each prediction carries its features."""

    feature_sample_rows: int = 0
    """Readings of a batch whose predictions carry their features."""

    observers: Sequence[BatchObserver] = ()
    """Called with each batch when it is done, after the metrics."""
