"""A topic with a pull subscription, on the embedded broker and on Google's emulator, and a worker's pull over a pipeline."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from rookery.broker.server import EmbeddedBroker
from rookery.schemas.codec import in_base64
from rookery.worker.observability.health import Health
from rookery.worker.observability.metrics import Metrics
from rookery.worker.pull.pull_metrics import PullMetrics
from rookery.worker.pull.subscriber import PullSubscriber
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from contextlib import AbstractAsyncContextManager

    from rookery.broker.scheduling.counters import SubscriptionStats
    from tests.worker.conftest import House

MOST_MESSAGES = 1_000
"""Messages that Pub/Sub takes in one request."""

NUMBERS = itertools.count(1)


@dataclass
class PullTopic:
    """A topic and its pull subscription on the broker at `address`."""

    address: str
    name: str
    broker: EmbeddedBroker | None = None

    @property
    def subscription(self) -> str:
        return f"projects/p/subscriptions/{self.name}"

    @property
    def stats(self) -> SubscriptionStats:
        """Counts of the embedded broker for the subscription."""
        assert self.broker is not None
        return self.broker.catalogue.standings()[self.subscription]

    async def create(self, **fields: Any) -> None:
        topic = f"projects/p/topics/{self.name}"
        async with self._client() as client:
            await client.put(f"v1/{topic}", json={})
            await client.put(f"v1/{self.subscription}", json={"topic": topic, **fields})

    async def publish(self, payloads: Iterable[bytes], **fields: Any) -> list[str]:
        messages = [{"data": in_base64(payload), **fields} for payload in payloads]
        ids: list[str] = []
        async with self._client() as client:
            for first in range(0, len(messages), MOST_MESSAGES):
                body = {"messages": messages[first : first + MOST_MESSAGES]}
                async with client.post(f"v1/projects/p/topics/{self.name}:publish", json=body) as answer:
                    ids += json.loads(await answer.read())["messageIds"]
        return ids

    def _client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(f"http://{self.address}/", raise_for_status=True)


@asynccontextmanager
async def embedded() -> AsyncIterator[PullTopic]:
    """A topic on an embedded broker in memory."""
    async with EmbeddedBroker() as broker:
        made = PullTopic(broker.address, "readings", broker)
        await made.create()
        yield made


@pytest.fixture
async def topic(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PullTopic]:
    """A topic on an embedded broker, whose address is in the environment."""
    async with embedded() as made:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", made.address)
        yield made


@pytest.fixture(params=["embedded", pytest.param("google", marks=pytest.mark.emulator)])
def google(request: pytest.FixtureRequest) -> str | None:
    """The address of Google's emulator; None for the embedded broker."""
    return request.getfixturevalue("google_emulator") if request.param == "google" else None


@pytest.fixture
async def any_topic(google: str | None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PullTopic]:
    """A topic on each broker; on Google's emulator a new one each time, as a cancelled stream keeps its messages."""
    if google is None:
        async with embedded() as made:
            monkeypatch.setenv("PUBSUB_EMULATOR_HOST", made.address)
            yield made
        return
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", google)
    made = PullTopic(google, f"pull-{next(NUMBERS)}")
    await made.create()
    yield made


def pull_metrics(metrics: Metrics | None = None) -> PullMetrics:
    """Metrics of pull beside those of any worker."""
    metrics = metrics or Metrics()
    return PullMetrics(metrics.registry, metrics.failures)


def reported(metrics: Metrics) -> dict[str, float]:
    """Every sample of a scrape, by its name with its labels."""
    lines = metrics.render().decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


@asynccontextmanager
async def pulled_into(house: House, topic: PullTopic, **chosen: Any) -> AsyncIterator[PullSubscriber]:
    """Pull a topic's messages into a pipeline while the context is open, as the worker does; settings may be chosen."""
    settings = Settings(pull=topic.subscription, **chosen)
    pull = PullSubscriber(house.pipeline, settings, metrics=house.metrics, health=Health(60))
    async with pull.answering():
        async with pull.receiving(lambda: None):
            pull.start()
            yield pull
        await house.pipeline.drain()


@pytest.fixture
def pulling(topic: PullTopic) -> Callable[..., AbstractAsyncContextManager[PullSubscriber]]:
    """`pulled_into` with the topic on the embedded broker."""
    return lambda house, **chosen: pulled_into(house, topic, **chosen)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Any]:
    """Return once a condition of the broker or of files holds, neither of which sends events."""

    async def _until(holds: Callable[[], bool]) -> None:
        while not holds():  # noqa: ASYNC110  see above
            await asyncio.sleep(0.02)  # the test's own timeout bounds it

    return _until
