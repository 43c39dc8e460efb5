"""Tracing: the producer's trace goes on through the push, a batch links its messages, and off it is not even imported."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from schemas.codec import encode
from schemas.testing import Birds
from worker.batcher import Bounds
from worker.metrics import Metrics
from worker.parts import Parts
from worker.pipeline import Pipeline
from worker.testing import MemorySink, RuleClassifier
from worker.tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

    from schemas.envelope import Envelope

TRACES = ["0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"]
SPAN = "b7ad6b7169203331"


def parent(trace: str, *, sampled: bool = True) -> str:
    return f"00-{trace}-{SPAN}-{'01' if sampled else '00'}"


async def spans(envelopes: list[Envelope]) -> list[ReadableSpan]:
    """Send messages through a traced pipeline as one batch; gives the spans that came of it."""
    from datetime import UTC, datetime  # noqa: PLC0415  the real clock: spans are told in its time

    exporter = InMemorySpanExporter()
    tracing = Tracing("r1", exporter)
    parts = Parts(
        classifier=RuleClassifier(),
        results=MemorySink(),
        rejects=MemorySink(),
        metrics=Metrics(),
        now=lambda: datetime.now(UTC),
        revision="r1",
        witnesses=[tracing],
    )
    pipeline = Pipeline(parts, bounds=Bounds(batch_rows=4096, intake_rows=10_000, intake_bytes=10_000_000))
    await asyncio.gather(*map(pipeline.accept, envelopes))
    await pipeline.drain()
    tracing.close()
    return list(exporter.get_finished_spans())


@pytest.mark.parametrize("name", ["traceparent", "googclient_traceparent"])
async def test_the_producers_trace_goes_on(name: str, envelope: Callable[..., Envelope]) -> None:
    """The push's span belongs to the trace of whoever published, under the span that published; the batch links both."""
    payload = encode(Birds(1).reading())
    made = await spans([envelope(payload, attributes={name: parent(trace)}) for trace in TRACES])
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


async def test_what_nobody_traces_makes_no_span(envelope: Callable[..., Envelope]) -> None:
    """No context, or one that was not sampled: nothing to send."""
    payload = encode(Birds(1).reading())
    assert (
        await spans(
            [
                envelope(payload),
                envelope(payload, attributes={"traceparent": parent(TRACES[0], sampled=False)}),
            ]
        )
        == []
    )
    assert await spans([envelope(payload, attributes={"traceparent": "nonsense"})]) != []


def test_off_it_is_not_imported() -> None:
    """A worker without tracing pays nothing for it, not even an import."""
    code = "import sys, worker.app, worker.__main__; print([n for n in sys.modules if n.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
