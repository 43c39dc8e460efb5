"""Tracing: the producer's trace goes on through the push, a batch links its messages, and off it is not even imported."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.batching.batcher import QueueLimits
from rookery.worker.observability import tracing as tracing_module
from rookery.worker.observability.metrics import Metrics
from rookery.worker.observability.tracing import Tracing
from rookery.worker.parts import PipelineParts
from rookery.worker.pipeline import Pipeline
from rookery.worker.testing import MemorySink, RuleClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from rookery.schemas.envelope import Envelope

TRACES = ["0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"]
SPAN = "b7ad6b7169203331"


def parent(trace: str, *, sampled: bool = True) -> str:
    return f"00-{trace}-{SPAN}-{'01' if sampled else '00'}"


async def made_spans(envelopes: list[Envelope]) -> list[ReadableSpan]:
    """Send messages through a traced pipeline as one batch; gives the spans that came of it."""
    exporter = InMemorySpanExporter()
    await traced(envelopes, exporter)
    return list(exporter.get_finished_spans())


async def traced(envelopes: list[Envelope], exporter: SpanExporter) -> None:
    """Send messages through a pipeline as one batch, with spans that go to an exporter."""
    from datetime import UTC, datetime  # noqa: PLC0415  the real clock: spans carry its time

    tracing = Tracing("r1", exporter)
    tracing.open()
    parts = PipelineParts(
        models=RuleClassifier(),
        results=MemorySink(),
        rejects=MemorySink(),
        metrics=Metrics(),
        now=lambda: datetime.now(UTC),
        revision="r1",
        observers=[tracing],
    )
    pipeline = Pipeline(parts, bounds=QueueLimits(batch_rows=4096, queue_rows=10_000, queue_bytes=10_000_000))
    await asyncio.gather(*map(pipeline.accept, envelopes))
    await pipeline.drain()
    tracing.close()


@pytest.mark.parametrize("name", ["traceparent", "googclient_traceparent"])
async def test_the_producers_trace_goes_on(name: str, envelope: Callable[..., Envelope]) -> None:
    """The push's span belongs to the publisher's trace, under the publishing span; the batch links both."""
    payload = encode(ReadingFactory(1).reading())
    made = await made_spans([envelope(payload, attributes={name: parent(trace)}) for trace in TRACES])
    pushes = [span for span in made if span.name == "rookery push"]
    (batch,) = [span for span in made if span.name == "rookery batch"]
    assert {f"{span.context.trace_id:032x}" for span in pushes} == set(TRACES)
    for span in pushes:
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == SPAN
        assert span.kind is SpanKind.CONSUMER
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time
    assert {link.context.span_id for link in batch.links} == {span.context.span_id for span in pushes}
    assert f"{batch.context.trace_id:032x}" not in TRACES
    assert (batch.attributes or {})["messaging.batch.message_count"] == 2


async def test_a_push_without_a_trace_makes_no_span(envelope: Callable[..., Envelope]) -> None:
    """No context, or one that was not sampled: nothing to send."""
    payload = encode(ReadingFactory(1).reading())
    assert (
        await made_spans(
            [
                envelope(payload),
                envelope(payload, attributes={"traceparent": parent(TRACES[0], sampled=False)}),
            ]
        )
        == []
    )
    assert await made_spans([envelope(payload, attributes={"traceparent": "nonsense"})]) != []


class Hanging(SpanExporter):
    """A collector that takes spans and never answers, until the test is over."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.over = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002  OpenTelemetry's signature
        self.asked.set()
        self.over.wait()
        return SpanExportResult.FAILURE


async def test_a_collector_that_hangs_keeps_no_worker_from_ending(
    monkeypatch: pytest.MonkeyPatch, envelope: Callable[..., Envelope]
) -> None:
    """At the end spans get a moment and no more; every message was answered before."""
    monkeypatch.setattr(tracing_module, "CLOSE_SECONDS", 0.01)
    exporter = Hanging()
    messages = [envelope(encode(ReadingFactory(1).reading()), attributes={"traceparent": parent(TRACES[0])})]
    await traced(messages, exporter)
    assert exporter.asked.wait(10)
    assert not exporter.over.is_set()
    exporter.over.set()


def test_off_it_is_not_imported() -> None:
    """A worker without tracing pays nothing for it, not even an import."""
    code = "import sys, rookery.worker.app, rookery.worker.__main__; print([n for n in sys.modules if n.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
