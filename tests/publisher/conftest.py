"""A real broker, topics of its own for every test, and a gRPC server whose answers a test decides."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc
import pytest
from google.pubsub_v1 import (
    PublisherClient,
    PublishRequest,
    PublishResponse,
    PubsubMessage,
    SubscriberClient,
)
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNNING_BROKER: Final = "ROOKERY_TEST_BROKER"
"""HOST:PORT of a broker or emulator that already runs; without it the embedded broker is started."""


@pytest.fixture(scope="session")
def broker_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if running := os.environ.get(RUNNING_BROKER):
        yield running
        return
    with _started_broker(tmp_path_factory.mktemp("broker")) as address:
        yield address


@contextmanager
def _started_broker(folder: Path) -> Iterator[str]:
    ready, log = folder / "ready", folder / "log"
    command = [sys.executable, "-m", "rookery.broker", "--memory", "--port", "0", "--ready-file", str(ready)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            while not ready.exists():
                assert process.poll() is None, log.read_text()
                time.sleep(0.02)  # another process's file has no event to wait for
            yield ready.read_text().strip()
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with one subscription, from which a test takes what was published."""

    name: str
    broker: str
    subscription: str
    subscriber: SubscriberClient

    def take(self, count: int) -> list[PubsubMessage]:
        """Pull and acknowledge until that many came; a broker that ended is an error, the test's timeout the bound."""
        taken: list[PubsubMessage] = []
        while len(taken) < count:
            answer = self.subscriber.pull(
                subscription=self.subscription, max_messages=1_000, timeout=None, retry=None
            )
            if answer.received_messages:
                ids = [each.ack_id for each in answer.received_messages]
                self.subscriber.acknowledge(subscription=self.subscription, ack_ids=ids)
            taken += [each.message for each in answer.received_messages]
        return taken


@pytest.fixture
def topic(broker_address: str) -> Iterator[Topic]:
    name = f"penguins-{uuid.uuid4().hex[:12]}"
    path, subscription = f"projects/rookery-test/topics/{name}", f"projects/rookery-test/subscriptions/{name}"
    with (
        grpc.insecure_channel(broker_address) as channel,
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)) as topics,
        SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)) as subscriber,
    ):
        topics.create_topic(name=path)
        subscriber.create_subscription(name=subscription, topic=path)
        yield Topic(name=path, broker=broker_address, subscription=subscription, subscriber=subscriber)


class StagedPubSub:
    """Pub/Sub's publish call, real gRPC: a test makes it hold every request, or fail it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.failure: grpc.StatusCode | None = None
        self.requests: list[PublishRequest] = []
        self.arrived = threading.Semaphore(0)
        self._server = grpc.server(ThreadPoolExecutor(max_workers=16))
        handler = grpc.unary_unary_rpc_method_handler(
            self._publish,
            request_deserializer=PublishRequest.deserialize,
            response_serializer=PublishResponse.serialize,
        )
        service = grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": handler})
        self._server.add_generic_rpc_handlers((service,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    @property
    def messages(self) -> int:
        return sum(len(request.messages) for request in self.requests)

    def _publish(self, request: PublishRequest, context: grpc.ServicerContext) -> PublishResponse:
        self.requests.append(request)
        self.arrived.release()
        self.go.wait(timeout=30)
        if self.failure is not None:
            context.abort(self.failure, "staged")
        return PublishResponse(message_ids=[uuid.uuid4().hex for _ in request.messages])

    def stop(self) -> None:
        """End at once, as a broker that is killed."""
        self._server.stop(grace=None).wait()
        self.go.set()


@pytest.fixture
def staged() -> Iterator[StagedPubSub]:
    server = StagedPubSub()
    try:
        yield server
    finally:
        server.stop()
