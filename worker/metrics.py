"""Metrics: what the worker counts, named after the settings that it tunes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.rendering import Lines
    from worker.work import Work

_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16384, 65536)
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """One registry a worker; counted by batch, never by reading."""

    def __init__(self) -> None:
        """Register every metric, so that a scrape shows zeros before the first batch."""
        self._registry = registry = CollectorRegistry()
        self._batch_rows = Histogram(
            "rookery_batch_rows",
            "Readings in a batch (ROOKERY_BATCH_ROWS).",
            buckets=_SIZES,
            registry=registry,
        )
        self._batch_messages = Histogram(
            "rookery_batch_messages", "Messages in a batch.", buckets=_SIZES, registry=registry
        )
        self._predict_seconds = Histogram(
            "rookery_predict_seconds",
            "Classifying and rendering a batch.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._write_seconds = Histogram(
            "rookery_write_seconds", "Making a batch durable.", buckets=_SECONDS, registry=registry
        )
        self._readings = Counter("rookery_readings", "Readings by outcome.", ["outcome"], registry=registry)
        self._predictions = self._readings.labels("predicted")
        self._rejections = self._readings.labels("rejected")
        self._strange = Counter(
            "rookery_out_of_distribution",
            "Readings that were classified although they are unlike the training data.",
            registry=registry,
        )
        self._retries = Counter(
            "rookery_retries", "Messages told to come again, by cause.", ["cause"], registry=registry
        )
        self._duplicates = Counter(
            "rookery_duplicates",
            "Readings that came again, by where the first one was (ROOKERY_DUPLICATES_COUNT, _SECONDS).",
            ["first"],
            registry=registry,
        )
        self._joined = self._duplicates.labels("in_flight")
        self._remembered = self._duplicates.labels("durable")
        self._refused = Counter(
            "rookery_not_envelopes", "Bodies that were no push envelope.", registry=registry
        )
        self._denied = Counter(
            "rookery_denied", "Requests refused for their token, by cause.", ["cause"], registry=registry
        )
        self._model = Gauge("rookery_model", "1 for the model that answers.", ["model"], registry=registry)
        self._model_degraded = Gauge(
            "rookery_model_degraded",
            "1 while another model answers than ROOKERY_MODEL names, or that cannot be known.",
            registry=registry,
        )
        self._model_loads = Counter(
            "rookery_model_loads", "Looks at a new model, by outcome.", ["outcome"], registry=registry
        )
        self._ready = Gauge("rookery_ready", "1 while messages are taken.", registry=registry)

    def batch(self, works: Sequence[Work]) -> None:
        """Count one batch on its way to the classifier."""
        self._batch_messages.observe(len(works))
        self._batch_rows.observe(sum(work.rows for work in works))

    def answered(self, lines: Sequence[Lines]) -> None:
        """Count the outcomes of messages that were answered for."""
        self._predictions.inc(sum(len(each.predictions) for each in lines))
        self._rejections.inc(sum(len(each.rejections) for each in lines))

    def strange(self, readings: int) -> None:
        """Count readings that are unlike what the model was trained on."""
        self._strange.inc(readings)

    def duplicates(self, *, in_flight: int, durable: int) -> None:
        """Count the readings of a message that were seen before."""
        self._joined.inc(in_flight)
        self._remembered.inc(durable)

    @contextmanager
    def predicting(self) -> Iterator[None]:
        """Time one batch's prediction."""
        started = time.monotonic()
        yield
        self._predict_seconds.observe(time.monotonic() - started)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Time one batch's way into the sinks."""
        started = time.monotonic()
        yield
        self._write_seconds.observe(time.monotonic() - started)

    def retry(self, cause: str) -> None:
        """Count a message that was told to come again."""
        self._retries.labels(cause).inc()

    def not_an_envelope(self) -> None:
        """Count a body that could not be attributed to any message."""
        self._refused.inc()

    def denied(self, cause: str) -> None:
        """Count a request that was refused for its token."""
        self._denied.labels(cause).inc()

    def model(self, name: str) -> None:
        """Say which model answers from now on."""
        self._model.clear()
        self._model.labels(name).set(1)

    def model_degraded(self, *, value: bool) -> None:
        """Say whether another model answers than the one that was asked for."""
        self._model_degraded.set(value)

    def model_loaded(self, outcome: str) -> None:
        """Count one look at a new model: `good`, `refused` or `unreachable`."""
        self._model_loads.labels(outcome).inc()

    def ready(self, *, value: bool) -> None:
        """Say whether messages are taken."""
        self._ready.set(value)

    def render(self) -> bytes:
        """Write everything in Prometheus' text format."""
        return generate_latest(self._registry)
