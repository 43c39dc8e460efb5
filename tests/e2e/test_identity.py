"""Authentication end to end: a broker that signs its pushes, a worker that verifies them, a client without a token."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp

from rookery.broker.server import EmbeddedBroker
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.segment import segments, whole
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PUSHER = "pusher@rookery-local.iam.gserviceaccount.com"
TOPIC = "projects/rookery-local/topics/signed"


def publish(address: str, count: int) -> None:
    with ReadingPublisher(TOPIC, settings=PublisherSettings(broker=address)) as publisher:
        for reading in ReadingFactory(1).readings(count, prefix="signed"):
            publisher.publish(reading)


def predicted(folder: Path) -> set[str]:
    lines = [line for file in segments(folder) for line in whole(file.read_bytes()).splitlines()]
    return {json.loads(line)["reading_id"] for line in lines}


async def test_signed_pushes_arrive_and_unsigned_ones_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded broker's tokens, keys fetched from it over HTTP, an audience of its own: nothing is a stand-in."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    async with EmbeddedBroker() as broker:
        # An audience of its own, because the worker's port is known only once it listens.
        audience = "http://worker.test/"
        settings = Settings(
            port=0,
            results=f"file://{tmp_path}/results",
            rejects=f"file://{tmp_path}/rejects",
            push_auth="oidc",
            push_audience=audience,
            push_service_account=PUSHER,
            push_jwks_url=f"http://{broker.address}/oauth2/v3/certs",
        )
        async with running(settings) as address:
            subscription = {
                "topic": TOPIC,
                "pushConfig": {
                    "pushEndpoint": f"{address}/",
                    "oidcToken": {"serviceAccountEmail": PUSHER, "audience": audience},
                },
            }
            async with aiohttp.ClientSession(f"http://{broker.address}") as google:
                for path, made in (
                    (f"/v1/{TOPIC}", {}),
                    ("/v1/projects/rookery-local/subscriptions/signed", subscription),
                ):
                    async with google.put(path, json=made) as answer:
                        assert answer.status == 200, await answer.text()
            await asyncio.to_thread(publish, broker.address, 50)
            async with asyncio.timeout(20):
                while len(predicted(tmp_path / "results")) < 50:  # noqa: ASYNC110  files send no event
                    # The broker pushes when it likes.
                    await asyncio.sleep(0.02)
            async with (
                aiohttp.ClientSession(address) as unauthenticated,
                unauthenticated.post("/", data=b"{}") as answer,
            ):
                assert answer.status == 401
            async with aiohttp.ClientSession(address) as scraper, scraper.get("/metrics") as scraped:
                metrics = await scraped.text()
    assert 'rookery_auth_failures_total{cause="absent"} 1.0' in metrics
    assert predicted(tmp_path / "results") == {f"signed-{nth}" for nth in range(50)}
