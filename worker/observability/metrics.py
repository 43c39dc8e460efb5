"""Metrics: what the worker counts, named after the settings that it tunes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from rookery.worker.observability.drift_gauges import DriftGauges
from rookery.worker.observability.former_names import FormerNames
from rookery.worker.observability.histogram import Histogram, observe
from rookery.worker.observability.observer_failures import ObserverFailures, only_observes

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.worker.http.wire.refused_request import Cause
    from rookery.worker.observability.drift import Drift
    from rookery.worker.observability.observer import BatchCompleted

# The `_created` series are as long again as all the others, and no dashboard uses them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it ships half its types

ENGINES: Final = ("booster", "compiled")
"""Engines of predictions."""

_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16384, 65536)
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class QueueStats(Protocol):
    """The size of a queue, with the readings in flight."""

    @property
    def rows(self) -> int:
        """In readings."""

    @property
    def size(self) -> int:
        """In bytes."""


def _sizes(registry: CollectorRegistry, name: str, words: str) -> Histogram:
    return Histogram(name, words, bounds=_SIZES, registry=registry)


def _seconds(registry: CollectorRegistry, name: str, words: str) -> Histogram:
    return Histogram(name, words, bounds=_SECONDS, registry=registry)


@only_observes
class Metrics:
    """One registry a worker; counted by batch, never by reading. An observer of batches, also called for other events.

    An exception while counting is recorded in `failures`, as those of the other observers are.
    """

    def __init__(self) -> None:
        """Register every metric, so that a scrape shows zeros before the first batch."""
        self.registry = registry = CollectorRegistry()
        """For metrics that only some workers have."""
        self._former = CollectorRegistry()
        self._former.register(FormerNames(registry))
        self.failures = ObserverFailures(registry)
        self.contained = self.failures.of("Metrics")
        self._batch_rows = _sizes(registry, "rookery_batch_rows", "Readings in a batch (ROOKERY_BATCH_ROWS).")
        self._batch_messages = _sizes(registry, "rookery_batch_messages", "Messages in a batch.")
        self._queue_seconds = _seconds(
            registry,
            "rookery_queue_time_seconds",
            "Until a batch begins, its first message (ROOKERY_BATCH_ROWS).",
        )
        self._inference_seconds = _seconds(
            registry, "rookery_inference_seconds", "Classifying and rendering a batch."
        )
        self._sink_write_seconds = _seconds(
            registry, "rookery_sink_write_seconds", "Making a batch durable (ROOKERY_FLUSH_INTERVAL_SECONDS)."
        )
        self._request_seconds = _seconds(
            registry,
            "rookery_request_duration_seconds",
            "From a push to its answer, a batch's first message; its mean must stay below 1 (ROOKERY_QUEUE_ROWS).",
        )
        self._end_to_end_seconds = _seconds(
            registry,
            "rookery_end_to_end_latency_seconds",
            "From publication until durable, a batch's first message.",
        )
        self._readings = Counter("rookery_readings", "Readings by outcome.", ["outcome"], registry=registry)
        self._predictions = self._readings.labels("predicted")
        self._rejections = self._readings.labels("rejected")
        self._reasons = Counter(
            "rookery_rejection_reasons",
            "Reasons of rejections, by field and rule.",
            ["field", "rule"],
            registry=registry,
        )
        self._out_of_distribution = Counter(
            "rookery_out_of_distribution",
            "Readings that were classified although they are out of distribution.",
            registry=registry,
        )
        self._retries = Counter(
            "rookery_retries", "Messages nacked for retry, by cause.", ["cause"], registry=registry
        )
        self._duplicates = Counter(
            "rookery_duplicates",
            "Duplicate readings, by where the first one was (ROOKERY_DEDUPLICATION_ROWS, _SECONDS).",
            ["first"],
            registry=registry,
        )
        self._joined = self._duplicates.labels("in_flight")
        self._remembered = self._duplicates.labels("durable")
        self._refused = Counter(
            "rookery_invalid_envelopes", "Bodies that were no push envelope.", registry=registry
        )
        self._refused_requests = Counter(
            "rookery_refused_requests",
            "Requests that were refused before their content was parsed, by cause.",
            ["cause"],
            registry=registry,
        )
        self._denied = Counter(
            "rookery_auth_failures",
            "Requests refused for their token, by cause.",
            ["cause"],
            registry=registry,
        )
        self._model = Gauge(
            "rookery_model_info", "1 for the model that answers.", ["model"], registry=registry
        )
        self._model_since = Gauge(
            "rookery_model_loaded_timestamp_seconds",
            "When this model began to answer, as Unix time.",
            registry=registry,
        )
        self._model_degraded = Gauge(
            "rookery_model_degraded",
            "1 while another model answers than ROOKERY_MODEL names, or that cannot be known.",
            registry=registry,
        )
        self._model_loads = Counter(
            "rookery_model_loads", "Checks for a new model, by outcome.", ["outcome"], registry=registry
        )
        self._forests = Counter(
            "rookery_forest_compilations",
            "Forests compiled in a booster's place, by outcome (ROOKERY_COMPILED_FOREST).",
            ["outcome"],
            registry=registry,
        )
        self._engine = Gauge(
            "rookery_inference_engine",
            "1 for what computes predictions: the booster or its compiled forest.",
            ["engine"],
            registry=registry,
        )
        self._ready = Gauge("rookery_ready", "1 while messages are taken.", registry=registry)
        self._queue_rows = Gauge(
            "rookery_queue_rows",
            "Readings that wait or are in flight (ROOKERY_QUEUE_ROWS).",
            registry=registry,
        )
        self._queue_bytes = Gauge(
            "rookery_queue_bytes",
            "Bytes that wait or are in flight (ROOKERY_QUEUE_BYTES).",
            registry=registry,
        )
        ProcessCollector(registry=registry)

    def queue(self, stats: QueueStats) -> None:
        """Set the queue whose size a scrape reports."""
        self._queue_rows.set_function(lambda: stats.rows)
        self._queue_bytes.set_function(lambda: stats.size)

    def drift(self, drift: Drift) -> None:
        """Name what a scrape asks how far the latest readings are from the training data."""
        self.registry.register(DriftGauges(drift, self.failures.of("Drift")))

    def __call__(self, batch: BatchCompleted) -> None:
        """Count a batch: its size, how long each phase took, what became of its readings, and why some were rejected."""
        values: list[tuple[Histogram, float]] = [
            (self._queue_seconds, batch.began - batch.tickets[0].since),
            (self._batch_messages, len(batch.tickets)),
            (self._batch_rows, batch.rows),
            (self._inference_seconds, batch.predict_seconds),
        ]
        for part in batch.parts:
            for _, run in part.result.runs:
                if run.ood_rows:
                    self._out_of_distribution.inc(len(run.ood_rows))
        if batch.kept:
            values += self._stored(batch)
        observe(values)

    def _stored(self, batch: BatchCompleted) -> list[tuple[Histogram, float]]:
        """Count what became durable, and return how long its first message took."""
        self._predictions.inc(batch.predicted)
        if batch.rejected:
            self._rejections.inc(batch.rejected)
            for _, lines in batch.kept:
                for (field, rule), count in lines.reasons:
                    self._reasons.labels(field, rule).inc(count)
        ticket, _ = batch.kept[0]
        published = ticket.item.envelope.published_at
        values = [
            (self._sink_write_seconds, batch.write_seconds),
            (self._request_seconds, batch.ended - ticket.since),
        ]
        if published is not None:
            values.append((self._end_to_end_seconds, (batch.done_at - published).total_seconds()))
        return values

    def duplicates(self, *, in_flight: int, durable: int) -> None:
        """Count the readings of a message that were seen before."""
        self._joined.inc(in_flight)
        self._remembered.inc(durable)

    def retry(self, cause: str) -> None:
        """Count a message that is nacked for retry."""
        self._retries.labels(cause).inc()

    def not_an_envelope(self) -> None:
        """Count a body that could not be attributed to any message."""
        self._refused.inc()

    def refused_request(self, cause: Cause) -> None:
        """Count a request that was refused before its content was parsed."""
        self._refused_requests.labels(cause).inc()

    def denied(self, cause: str) -> None:
        """Count a request that was refused for its token."""
        self._denied.labels(cause).inc()

    def model(self, name: str) -> None:
        """Say which model answers from now on."""
        self._model.clear()
        self._model.labels(name).set(1)
        self._model_since.set_to_current_time()

    def model_degraded(self, *, value: bool) -> None:
        """Say whether another model answers than the one that was asked for."""
        self._model_degraded.set(value)

    def model_loaded(self, outcome: str) -> None:
        """Count one check for a new model: `good`, `refused` or `unreachable`."""
        self._model_loads.labels(outcome).inc()

    def forest_compiled(self, outcome: str) -> None:
        """Count one forest: `compiled`, `unsupported`, `different` or `failed`."""
        self._forests.labels(outcome).inc()

    def engine(self, engine: Callable[[], str]) -> None:
        """Set the source of the engine that a scrape reports."""
        for name in ENGINES:
            self._engine.labels(name).set_function(lambda name=name: engine() == name)  # type: ignore[misc]

    def ready(self, ready: Callable[[], bool]) -> None:
        """Set the function that reports to a scrape whether messages are taken."""
        self._ready.set_function(ready)

    def render(self) -> bytes:
        """Write everything in Prometheus' text format."""
        return generate_latest(self.registry) + generate_latest(self._former)
