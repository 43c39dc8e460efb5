"""Metrics: what the worker counts, named after the settings that it tunes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from schemas.reading import Reading
from worker.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.drift import Drift
    from worker.isolation import Isolated
    from worker.witness import Seen
    from worker.work import Work

# When each series began is as long again as all the rest, and nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it ships half its types

_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16384, 65536)
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_FIELDS: Final = frozenset({*Reading.model_fields, "reading", "message"})


class Timing:
    """Times what happens inside it, unless that raises; a third of what a generator would cost."""

    __slots__ = ("_began", "_histogram")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._histogram.observe(time.monotonic() - self._began)


class Queue(Protocol):
    """What waits or is under way."""

    @property
    def rows(self) -> int:
        """In readings."""

    @property
    def size(self) -> int:
        """In bytes."""


class _Drifting(Collector):
    """Compares the latest readings with the training data, at every scrape anew."""

    def __init__(self, drift: Drift) -> None:
        self._drift = drift

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Give the names alone: registering asks for them, and there is no model yet."""
        return self._families()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        index, missing, rows = self._families()
        for shift in self._drift.shifts():
            rows.add_metric([shift.feature], shift.rows)
            missing.add_metric([shift.feature], shift.missing)
            if shift.index is not None:
                index.add_metric([shift.feature], shift.index)
        return index, missing, rows

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        by = ["feature"]
        return (
            GaugeMetricFamily(
                "rookery_drift_index",
                "Population stability index against the training data: above 0.25 is another population (ROOKERY_DRIFT_ROWS).",
                labels=by,
            ),
            GaugeMetricFamily(
                "rookery_drift_missing", "Share of the latest readings that lack it.", labels=by
            ),
            GaugeMetricFamily("rookery_drift_rows", "Latest readings that have it.", labels=by),
        )


def _sizes(registry: CollectorRegistry, name: str, words: str) -> Histogram:
    return Histogram(name, words, bounds=_SIZES, registry=registry)


def _seconds(registry: CollectorRegistry, name: str, words: str) -> Histogram:
    return Histogram(name, words, bounds=_SECONDS, registry=registry)


class Metrics:
    """One registry a worker; counted by batch, never by reading."""

    def __init__(self) -> None:
        """Register every metric, so that a scrape shows zeros before the first batch."""
        self._registry = registry = CollectorRegistry()
        self._batch_rows = _sizes(registry, "rookery_batch_rows", "Readings in a batch (ROOKERY_BATCH_ROWS).")
        self._batch_messages = _sizes(registry, "rookery_batch_messages", "Messages in a batch.")
        self._wait_seconds = _seconds(
            registry, "rookery_wait_seconds", "Until a batch begins, its first message (ROOKERY_BATCH_ROWS)."
        )
        self._predict_seconds = _seconds(
            registry, "rookery_predict_seconds", "Classifying and rendering a batch."
        )
        self._write_seconds = _seconds(
            registry, "rookery_write_seconds", "Making a batch durable (ROOKERY_OBJECT_SECONDS)."
        )
        self._push_seconds = _seconds(
            registry,
            "rookery_push_seconds",
            "From a push to its answer, a batch's first message; its mean must stay below 1 (ROOKERY_INTAKE_ROWS).",
        )
        self._age_seconds = _seconds(
            registry, "rookery_age_seconds", "From publication until durable, a batch's first message."
        )
        self._readings = Counter("rookery_readings", "Readings by outcome.", ["outcome"], registry=registry)
        self._predictions = self._readings.labels("predicted")
        self._rejections = self._readings.labels("rejected")
        self._reasons = Counter(
            "rookery_reasons",
            "Reasons of rejections, by field and rule.",
            ["field", "rule"],
            registry=registry,
        )
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
        self._model_since = Gauge(
            "rookery_model_since_seconds", "When this model began to answer, as Unix time.", registry=registry
        )
        self._model_degraded = Gauge(
            "rookery_model_degraded",
            "1 while another model answers than ROOKERY_MODEL names, or that cannot be known.",
            registry=registry,
        )
        self._model_loads = Counter(
            "rookery_model_loads", "Looks at a new model, by outcome.", ["outcome"], registry=registry
        )
        self._ready = Gauge("rookery_ready", "1 while messages are taken.", registry=registry)
        self._intake_rows = Gauge(
            "rookery_intake_rows",
            "Readings that wait or are under way (ROOKERY_INTAKE_ROWS).",
            registry=registry,
        )
        self._intake_bytes = Gauge(
            "rookery_intake_bytes",
            "Bytes that wait or are under way (ROOKERY_INTAKE_BYTES).",
            registry=registry,
        )
        ProcessCollector(registry=registry)

    def intake(self, queue: Queue) -> None:
        """Name the queue whose size a scrape tells."""
        self._intake_rows.set_function(lambda: queue.rows)
        self._intake_bytes.set_function(lambda: queue.size)

    def drift(self, drift: Drift) -> None:
        """Name what a scrape asks how far the latest readings are from the training data."""
        self._registry.register(_Drifting(drift))

    def batch(self, messages: int, rows: int, *, since: float) -> None:
        """Count one batch on its way to the classifier; `since` is when its first message came (monotonic)."""
        self._wait_seconds.observe(time.monotonic() - since)
        self._batch_messages.observe(messages)
        self._batch_rows.observe(rows)

    def answered(self, predicted: int, rejected: int) -> None:
        """Count readings that were answered for."""
        self._predictions.inc(predicted)
        if rejected:
            self._rejections.inc(rejected)

    def __call__(self, seen: Seen) -> None:
        """Count how long the first message of a batch took, and why readings were rejected."""
        ticket, _ = seen.kept[0]
        self._push_seconds.observe(time.monotonic() - ticket.since)
        published = ticket.item.envelope.published_at
        if published is not None:
            self._age_seconds.observe((seen.done_at - published).total_seconds())
        if seen.rejected:
            for ticket, lines in seen.kept:
                if lines.rejections:
                    self._explain(ticket.item, len(lines.rejections))

    def _explain(self, work: Work, rejections: int) -> None:
        reasons = [reason for each in work.refused for reason in each.reasons]
        for reason in reasons:
            field = reason.field.partition(".")[0]
            # Neither a sender's own words nor a parser's details: each label is a time series.
            rule = reason.rule.partition(":")[0]
            self._reasons.labels(field if field in _FIELDS else "other", rule).inc()
        if failed := rejections - len(work.refused):
            self._reasons.labels("model", "the model fails on this reading").inc(failed)

    def strange(self, isolated: Isolated) -> None:
        """Count the readings of a batch that are unlike what the model was trained on."""
        for _, run in isolated.runs:
            if run.unlike:
                self._strange.inc(len(run.unlike))

    def duplicates(self, *, in_flight: int, durable: int) -> None:
        """Count the readings of a message that were seen before."""
        self._joined.inc(in_flight)
        self._remembered.inc(durable)

    def predicting(self) -> Timing:
        """Time one batch's prediction."""
        return Timing(self._predict_seconds)

    def writing(self) -> Timing:
        """Time one batch's way into the sinks."""
        return Timing(self._write_seconds)

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
        self._model_since.set_to_current_time()

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
