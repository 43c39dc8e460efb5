"""The first Locust device: what it says it published is on the topic, and what failed counts as failed."""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
import requests
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from rookery.broker.server import EmbeddedBroker
from rookery.environment import process as child
from rookery.load.swarm.dataset import KnownReadings
from rookery.load.swarm.settings import SwarmSettingsError, swarm_settings
from rookery.schemas.codec import SCHEMA_VERSION, decode
from rookery.schemas.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCUSTFILE = Path(__file__).parents[3] / "load" / "locustfile.py"
TOPIC = "projects/rookery-local/topics/readings"
SUBSCRIPTION = "projects/rookery-local/subscriptions/watched"


async def swarm(address: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """Let eight users run for two seconds; gives the exit code and the statistics of their one request."""
    devices = ["--users", "8", "--spawn-rate", "8", "--run-time", "2s", "--stop-timeout", "5"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--json", *devices),
        *("--host", f"http://{address}", "--topic", TOPIC),
        env={**os.environ, "ROOKERY_LOAD_USERS": "FieldDevice", **settings},
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


def free_port() -> int:
    """A port that Locust's page can have; it takes no 0."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextlib.contextmanager
def page_of_locust(address: str) -> Iterator[str]:
    """Locust's page over a broker, with its choice of shapes and users; gives its address."""
    port = free_port()
    words = ["--class-picker", "--web-host", "127.0.0.1", "--web-port", str(port), "--topic", TOPIC]
    process = subprocess.Popen(
        [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *words, "--host", f"http://{address}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            assert any("Starting web interface" in line for line in process.stdout)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.stdout.read()


async def test_a_person_chooses_shape_and_users_in_locusts_page() -> None:
    """Baseline, normal, stress and spike are offered beside the classes of users, and the chosen one runs."""
    async with EmbeddedBroker(host="127.0.0.1", port=0) as broker:
        async with grpc.aio.insecure_channel(broker.address) as channel:
            topics = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
            await topics.create_topic(name=TOPIC)
        await asyncio.to_thread(_choose, broker.address)


def _choose(address: str) -> None:
    with page_of_locust(address) as page, requests.Session() as browser:
        offered = _when(lambda: browser.get(page, timeout=10).text, lambda text: "Baseline" in text)
        for name in ("Baseline", "Normal", "Stress", "Spike", "FieldDevice", "BulkUploader", "OpenLoop"):
            assert f'"{name}"' in html.unescape(offered), name
        asked = {"shape_class": "Baseline", "user_classes": "FieldDevice", "host": f"http://{address}"}
        said = browser.post(f"{page}/swarm", data=asked, timeout=10).json()
        assert (said["success"], said["message"].split()[-1]) == (True, "'Baseline'")
        counted = _when(
            lambda: browser.get(f"{page}/stats/requests", timeout=10).json(),
            lambda state: any(each["num_requests"] for each in state["stats"]),
        )
        assert (counted["user_count"], counted["errors"]) == (1, [])
        assert {each["name"] for each in counted["stats"]} == {"publish a reading", "Aggregated"}


def _when(ask: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    """Ask until the answer is enough; pytest's timeout bounds it."""
    while True:
        with contextlib.suppress(requests.ConnectionError):
            if enough(answer := ask()):
                return answer
        time.sleep(0.1)  # another process answers, which has no event for us


async def test_a_predict_user_asks_the_worker_itself(tmp_path: Path) -> None:
    """One class of users asks `/predict`; without a worker its requests fail, and without an address nothing starts."""
    with child.worker(tmp_path, results=tmp_path / "p", rejects=tmp_path / "r") as worker:
        address = worker.address().rpartition("/")[2]
        asked = {"ROOKERY_LOAD_USERS": "PredictUser", "ROOKERY_LOAD_PREDICT_URL": f"http://{address}"}
        code, statistics = await swarm(address, **asked)
    assert (code, statistics["name"], statistics["num_failures"]) == (0, "/predict", 0)
    assert statistics["num_requests"] >= 8
    code, statistics = await swarm(address, **asked)
    assert (code, statistics["num_failures"]) == (1, statistics["num_requests"])
    with pytest.raises(SwarmSettingsError, match="PREDICT_URL"):
        swarm_settings({"ROOKERY_LOAD_USERS": "PredictUser"})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b'{"predictions":[{"probabilities":{"Adelie":0.2,"Gentoo":0.8}}],"rejections":[]}', ""),
        (
            b'{"predictions":[{"probabilities":{"Adelie":0.7,"Gentoo":0.3}}]}',
            "Gentoo is expected, Adelie came",
        ),
        (b'{"predictions":[],"rejections":[{}]}', "one prediction is needed"),
        (b"Service Unavailable", "one prediction is needed"),
    ],
)
def test_a_wrong_answer_of_predict_counts_as_failed(answer: bytes, said: str) -> None:
    """Where the expected answer is known, another one is a failure, and so is none."""
    known = KnownReadings([{"body_mass_g": 5000}], ["Gentoo"])
    assert (known.mismatch(3, answer) + " ").startswith(said or " ")
    assert KnownReadings.seeded(1, 1).mismatch(3, answer) == "" or "one prediction" in said


async def test_a_refused_publish_counts_as_failed() -> None:
    """Without a topic every publish fails, and Locust's exit code says so."""
    async with EmbeddedBroker(host="127.0.0.1", port=0) as broker:
        code, statistics = await swarm(broker.address)
    assert code == 1
    assert statistics["num_failures"] == statistics["num_requests"] >= 8
