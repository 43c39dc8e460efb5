"""Tracing: with it on, Google's client sends the caller's trace along with every message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from rookery.broker.server import EmbeddedBroker
from rookery.environment.provision import clients
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    import pytest

TOPIC = "projects/rookery-local/topics/traced"


async def sent(*, tracing: bool) -> dict[str, str]:
    """Publish one reading inside a span, and give the attributes that it arrives with."""
    async with EmbeddedBroker() as broker:

        def travel() -> dict[str, str]:
            topics, subscriber = clients(broker.address)
            subscription = TOPIC.replace("topics", "subscriptions")
            topics.create_topic(name=TOPIC)
            subscriber.create_subscription(name=subscription, topic=TOPIC)
            settings = PublisherSettings(broker=broker.address, tracing=tracing)
            with trace.get_tracer("test").start_as_current_span("measuring") as span:
                assert span.get_span_context().is_valid
                with ReadingPublisher(TOPIC, settings=settings) as publisher:
                    publisher.publish(ReadingFactory(1).reading())
            answer = subscriber.pull(subscription=subscription, max_messages=1, timeout=5, retry=None)
            topics.transport.close()
            found = dict(answer.received_messages[0].message.attributes)
            return {**found, "span": f"{span.get_span_context().trace_id:032x}"}

        return await asyncio.to_thread(travel)


async def test_the_trace_travels_with_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """On: the message carries the caller's trace, which the worker goes on with. Off: nothing is added."""
    provider = TracerProvider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    found = await sent(tracing=True)
    assert found["googclient_traceparent"].split("-")[1] == found["span"]
    assert set(await sent(tracing=False)) == {"rookery_schema", "span"}
