"""Real parts: an embedded broker, Google's clients on it, and an HTTP client for its REST door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1

from rookery.broker.server import EmbeddedBroker
from rookery.broker.testing import RecordingEndpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedBroker]:
    async with EmbeddedBroker() as opened:
        yield opened


@pytest.fixture(params=["memory", "store"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """The folder of a broker, or none: a test of both."""
    return tmp_path / "data" if request.param == "store" else None


@pytest.fixture
async def endpoint() -> AsyncIterator[RecordingEndpoint]:
    async with RecordingEndpoint() as opened:
        yield opened


@pytest.fixture
async def rest(broker: EmbeddedBroker) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://{broker.address}") as session:
        yield session


@pytest.fixture
def publisher(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[pubsub_v1.PublisherClient]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
    client = pubsub_v1.PublisherClient(
        publisher_options=pubsub_v1.types.PublisherOptions(enable_message_ordering=True),
        credentials=AnonymousCredentials(),
    )
    yield client
    client.stop()
    client.transport.close()


@pytest.fixture
def subscriber(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pubsub_v1.SubscriberClient]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
    client = pubsub_v1.SubscriberClient(credentials=AnonymousCredentials())
    yield client
    client.close()
