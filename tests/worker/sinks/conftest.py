"""Every place where blocks can become durable, each ready to be written to, broken, and read back."""

from __future__ import annotations

import gzip
import os
import socket
import uuid
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from gcp_storage_emulator.server import create_server
from google.cloud.storage import Client
from google.pubsub_v1 import PublisherAsyncClient, PubsubMessage, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from grpc import aio

from rookery.broker.server import EmbeddedBroker
from rookery.schemas.segment import whole
from rookery.worker.sinks.folder import FolderSink
from rookery.worker.sinks.gcs import GcsSink
from rookery.worker.sinks.protocol import LineBlock
from rookery.worker.sinks.pubsub import PubSubSink
from storage_emulator.server import StorageServer
from tests.conftest import BUCKET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from rookery.worker.sinks.watched import ProbedSink

NOON = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
WRITE_TIMEOUT_SECONDS = 3.0

# The environment's own server, before any test set another one.
NAMED = os.environ.get("STORAGE_EMULATOR_HOST")


def block(key: str = "0a", *lines: bytes, **fields: Any) -> LineBlock:
    return LineBlock(
        key=key,
        lines=lines or (b'{"a":1}\n', b'{"a":2}\n'),
        **{"written_at": NOON, "published_at": NOON} | fields,
    )


class Place(ABC):
    """A kind of sink, with the means to look behind it."""

    writes_once = True
    """Whether a block that is written again leaves no second line."""

    @abstractmethod
    async def sink(self) -> ProbedSink:
        """An open sink into this place."""

    @abstractmethod
    async def lines(self) -> list[bytes]:
        """The lines that are durable, in any order."""

    async def names(self) -> int | None:
        """How many files or objects there are; None where lines have none."""
        return None

    @abstractmethod
    async def nowhere(self) -> ProbedSink:
        """An open sink into a place that is not there."""


class FolderPlace(Place):
    def __init__(self, root: Path, stack: AsyncExitStack) -> None:
        self._root = root
        self._stack = stack

    async def sink(self) -> ProbedSink:
        return await self._opened(self._root / "results")

    async def lines(self) -> list[bytes]:
        files = sorted(each for each in (self._root / "results").rglob("*.ndjson"))
        return [line for file in files for line in whole(file.read_bytes()).splitlines(keepends=True)]

    async def names(self) -> int:
        return len([each for each in (self._root / "results").rglob("*") if each.is_file()])

    async def nowhere(self) -> ProbedSink:
        sink = await self._opened(self._root / "gone")
        (self._root / "gone").rmdir()
        (self._root / "gone").write_text("a file")
        return sink

    async def _opened(self, root: Path) -> FolderSink:
        sink = FolderSink(root)
        await sink.open()
        self._stack.push_async_callback(sink.close)
        return sink


class StoragePlace(Place):
    def __init__(self, client: Client, bucket: str, stack: AsyncExitStack) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"test-{uuid.uuid4().hex[:8]}"
        self._stack = stack

    async def sink(self) -> ProbedSink:
        return await self._opened(self._bucket)

    async def lines(self) -> list[bytes]:
        found = self._client.list_blobs(self._bucket, prefix=self._prefix)
        contents = [gzip.decompress(blob.download_as_bytes(raw_download=True)) for blob in found]
        return [line for content in contents for line in content.splitlines(keepends=True)]

    async def names(self) -> int:
        return len([*self._client.list_blobs(self._bucket, prefix=self._prefix)])

    async def nowhere(self) -> ProbedSink:
        return await self._opened("rookery-there-is-no-such-bucket")

    async def _opened(self, bucket: str) -> GcsSink:
        sink = GcsSink(bucket, self._prefix, write_timeout_seconds=WRITE_TIMEOUT_SECONDS)
        await sink.open()
        self._stack.push_async_callback(sink.close)
        return sink


class TopicPlace(Place):
    writes_once = False

    def __init__(self, broker: str, stack: AsyncExitStack) -> None:
        self._topic = "projects/p/topics/results"
        self._subscription = "projects/p/subscriptions/results"
        self._publisher = PublisherAsyncClient(
            transport=PublisherGrpcAsyncIOTransport(channel=aio.insecure_channel(broker))
        )
        self._subscriber = SubscriberAsyncClient(
            transport=SubscriberGrpcAsyncIOTransport(
                channel=aio.insecure_channel(broker, options=[("grpc.max_receive_message_length", -1)])
            )
        )
        self._stack = stack
        for client in (self._publisher, self._subscriber):
            stack.push_async_callback(client.transport.close)

    async def provide(self, topic: str | None = None) -> None:
        await self._publisher.create_topic(name=topic or self._topic)
        if topic is None:
            await self._subscriber.create_subscription(name=self._subscription, topic=self._topic)

    async def sink(self) -> PubSubSink:
        return await self._opened(self._topic)

    async def messages(self, count: int) -> list[PubsubMessage]:
        taken: list[PubsubMessage] = []
        while len(taken) < count:
            answer = await self._subscriber.pull(
                subscription=self._subscription, max_messages=1_000, timeout=10
            )
            taken += [each.message for each in answer.received_messages]
            await self._subscriber.acknowledge(
                subscription=self._subscription, ack_ids=[each.ack_id for each in answer.received_messages]
            )
        return taken

    async def lines(self) -> list[bytes]:
        answer = await self._subscriber.pull(subscription=self._subscription, max_messages=1_000, timeout=10)
        return [each.message.data + b"\n" for each in answer.received_messages]

    async def nowhere(self) -> ProbedSink:
        return await self._opened("projects/p/topics/there-is-no-such-topic")

    async def _opened(self, topic: str) -> PubSubSink:
        sink = PubSubSink(topic, write_timeout_seconds=WRITE_TIMEOUT_SECONDS)
        await sink.open()
        self._stack.push_async_callback(sink.close)
        return sink


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def broker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedBroker]:
    async with EmbeddedBroker() as running:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", running.address)
        yield running


@pytest.fixture
async def topic(broker: EmbeddedBroker, stack: AsyncExitStack) -> TopicPlace:
    place = TopicPlace(broker.address, stack)
    await place.provide()
    return place


@pytest.fixture
async def storage_sink(strict: StorageServer, stack: AsyncExitStack) -> GcsSink:  # noqa: ARG001  its address is in the environment
    sink = GcsSink(BUCKET, "", write_timeout_seconds=WRITE_TIMEOUT_SECONDS)
    await sink.open()
    stack.push_async_callback(sink.close)
    return sink


@asynccontextmanager
async def _storage(host: str, stack: AsyncExitStack) -> AsyncIterator[Place]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", host)
        client = stack.enter_context(_closing(Client()))
        bucket = os.environ.get("ROOKERY_TEST_BUCKET") or f"rookery-{uuid.uuid4().hex[:12]}"
        if "ROOKERY_TEST_BUCKET" not in os.environ:
            client.create_bucket(bucket)
        yield StoragePlace(client, bucket, stack)


class _closing:  # noqa: N801  used as contextlib.closing is
    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> Client:
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@asynccontextmanager
async def _folder(tmp_path: Path, stack: AsyncExitStack) -> AsyncIterator[Place]:
    yield FolderPlace(tmp_path, stack)


@asynccontextmanager
async def _strict(_: Path, stack: AsyncExitStack) -> AsyncIterator[Place]:
    with StorageServer() as server:
        async with _storage(server.url, stack) as place:
            yield place


@asynccontextmanager
async def _emulated(_: Path, stack: AsyncExitStack) -> AsyncIterator[Place]:
    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True)
    server.start()
    try:
        async with _storage(f"http://127.0.0.1:{port}", stack) as place:
            yield place
    finally:
        server.stop()


@asynccontextmanager
async def _named(_: Path, stack: AsyncExitStack) -> AsyncIterator[Place]:
    async with _storage(str(NAMED), stack) as place:
        yield place


@asynccontextmanager
async def _topic(_: Path, stack: AsyncExitStack) -> AsyncIterator[Place]:
    async with EmbeddedBroker() as running:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PUBSUB_EMULATOR_HOST", running.address)
            async with AsyncExitStack() as inner:
                place = TopicPlace(running.address, inner)
                await place.provide()
                stack.push_async_callback(inner.aclose)
                yield place


PLACES: dict[str, Callable[[Path, AsyncExitStack], Any]] = {
    "folder": _folder,
    "strict storage": _strict,
    "emulated storage": _emulated,
    "topic": _topic,
}
if NAMED:
    PLACES["the storage that STORAGE_EMULATOR_HOST names"] = _named


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack, PLACES[request.param](tmp_path, stack) as opened:
        yield opened
        # The sinks are closed while what is behind them is still there.
        await stack.aclose()


@pytest.fixture
def noon() -> datetime:
    return NOON
