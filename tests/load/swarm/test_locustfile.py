"""The first Locust device: what it says it published is on the topic, and what failed counts as failed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import grpc.aio
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from rookery.broker.server import EmbeddedBroker
from rookery.schemas.codec import SCHEMA_VERSION, decode
from rookery.schemas.reading import Reading

LOCUSTFILE = Path(__file__).parents[3] / "load" / "locustfile.py"
TOPIC = "projects/rookery-local/topics/readings"
SUBSCRIPTION = "projects/rookery-local/subscriptions/watched"


async def swarm(address: str) -> tuple[int, dict[str, Any]]:
    """Let eight devices run for two seconds; gives the exit code and the statistics of their one request."""
    devices = ["--users", "8", "--spawn-rate", "8", "--run-time", "2s", "--stop-timeout", "5"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--json", *devices),
        *("--host", f"http://{address}", "--topic", TOPIC),
        env={**os.environ, "ROOKERY_LOAD_USERS": "FieldDevice"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert out.strip(), err.decode()
    (statistics,) = json.loads(out)
    return process.returncode, statistics


async def test_every_publish_that_counts_is_on_the_topic() -> None:
    """As many readings are delivered as Locust counts, each a valid reading under an id of its own."""
    async with (
        EmbeddedBroker(host="127.0.0.1", port=0) as broker,
        grpc.aio.insecure_channel(broker.address) as channel,
    ):
        topics = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
        subscriber = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))
        await topics.create_topic(name=TOPIC)
        await subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        code, statistics = await swarm(broker.address)
        answer = await subscriber.pull(subscription=SUBSCRIPTION, max_messages=1_000)
    messages = [each.message for each in answer.received_messages]
    readings = [decode(each.data, version=each.attributes["rookery_schema"]) for each in messages]
    assert (code, statistics["num_failures"]) == (0, 0)
    assert len(messages) == statistics["num_requests"] >= 8
    assert all(isinstance(each, Reading) and each.observed_at for each in readings)
    assert len({each.reading_id for each in readings}) == len(readings)
    assert len({each.device_id for each in readings}) == 8
    assert {each.attributes["rookery_schema"] for each in messages} == {SCHEMA_VERSION}


async def test_a_refused_publish_counts_as_failed() -> None:
    """Without a topic every publish fails, and Locust's exit code says so."""
    async with EmbeddedBroker(host="127.0.0.1", port=0) as broker:
        code, statistics = await swarm(broker.address)
    assert code == 1
    assert statistics["num_failures"] == statistics["num_requests"] >= 8
