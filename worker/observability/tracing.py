"""Tracing: a span for each push with a trace context, and one for its batch, over OpenTelemetry.

Nothing here is imported unless ROOKERY_TRACING is on. A push's span is a child of its producer's, so that the
trace goes on; a batch serves many traces, so that it is a trace of its own which links them all.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rookery.worker.sinks.protocol import trace_context

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Link, Span

    from rookery.worker.batching.ticket import Ticket
    from rookery.worker.decoding.message import DecodedMessage
    from rookery.worker.encoding.lines import EncodedLines
    from rookery.worker.observability.observer import BatchCompleted

CLOSE_SECONDS: Final = 1.0
"""Time to send the last spans at the end: a collector that hangs must not keep the worker."""

_PREFIX: Final = "googclient_"
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class Tracing:
    """Makes spans of batches; an observer of the pipeline."""

    def __init__(self, revision: str, exporter: SpanExporter | None = None) -> None:
        """Store what to send spans to; without an exporter, OTEL_EXPORTER_OTLP_ENDPOINT. `open` starts it."""
        resource = Resource.create({"service.name": "rookery-worker", "service.version": revision})
        # It would wait for the collector once more, without any bound, when the interpreter ends.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._exporter = exporter
        self._tracer = self._provider.get_tracer("rookery.worker")

    def open(self) -> None:
        """Start the thread that sends spans."""
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter or OTLPSpanExporter()))

    def __call__(self, batch: BatchCompleted) -> None:
        """Make the spans of a batch, after the fact: one for each message with a trace, one for all."""
        done = _nanoseconds(batch.done_at)
        pushes = (
            self._push(ticket, lines, done, int((batch.ended - ticket.since) * 1e9))
            for ticket, lines in batch.kept
        )
        links = [link for link in pushes if link is not None]
        if not links:
            return
        span = self._tracer.start_span(
            "rookery batch",
            context=trace.set_span_in_context(trace.INVALID_SPAN),
            links=links,
            start_time=_nanoseconds(batch.at),
            attributes={
                "messaging.batch.message_count": len(batch.kept),
                "rookery.predicted": batch.predicted,
                "rookery.rejected": batch.rejected,
                "rookery.retried": batch.retried,
            },
        )
        span.end(done)

    def close(self) -> None:
        """Send what waits, and end; what is not sent within CLOSE_SECONDS is given up."""
        # A thread that the interpreter's end does not wait for: the library waits half a minute.
        sending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        sending.start()
        sending.join(CLOSE_SECONDS)

    def _push(self, ticket: Ticket[DecodedMessage], lines: EncodedLines, done: int, took: int) -> Link | None:
        carried = trace_context(ticket.item.envelope.attributes)
        if not carried:
            return None
        span = self._tracer.start_span(
            "rookery push",
            context=_PROPAGATOR.extract(_plain(carried)),
            kind=trace.SpanKind.CONSUMER,
            start_time=done - took,
            attributes={
                "messaging.system": "gcp_pubsub",
                "messaging.operation.type": "process",
                "messaging.message.id": ticket.item.envelope.message_id,
                "rookery.predicted": len(lines.predictions),
                "rookery.rejected": len(lines.rejections),
            },
        )
        span.end(done)
        return _link(span)


def _link(span: Span) -> Link | None:
    context = span.get_span_context()
    return trace.Link(context) if context.trace_flags.sampled else None


def _plain(carried: Mapping[str, str]) -> dict[str, str]:
    """The context under W3C's own names; those that Google's client wrote are the nearer ones."""
    return {
        **{name: value for name, value in carried.items() if not name.startswith(_PREFIX)},
        **{name.removeprefix(_PREFIX): value for name, value in carried.items() if name.startswith(_PREFIX)},
    }


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)
