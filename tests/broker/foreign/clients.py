"""Clients of other projects: `python clients.py NAME`, with PUBSUB_EMULATOR_HOST set, sends 20 messages and prints the count it received.

Each uses its library as its documentation does. They run in processes of their own, because some end with theirs alone.
"""

# ruff: noqa: PLC0415  each client's packages are imported for it alone

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

MESSAGES: Final = 20
PROJECT: Final = "foreign"
SECONDS: Final = 40.0


class Seen:
    """Count different messages until all have come or time is up."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._all = threading.Event()

    def add(self, number: int) -> None:
        """Note one message."""
        self._numbers.add(number)
        if len(self._numbers) == MESSAGES:
            self._all.set()

    def count(self) -> int:
        """Wait, and count."""
        self._all.wait(SECONDS)
        return len(self._numbers)


def kombu() -> int:
    """Celery's transport for Pub/Sub."""
    from kombu import Connection, Exchange, Queue

    seen: set[int] = set()

    def received(body: dict[str, int], message: Any) -> None:
        seen.add(body["n"])
        message.ack()

    queue = Queue("work", Exchange("readings"), routing_key="r")
    with Connection(f"gcpubsub://projects/{PROJECT}") as connection:
        producer = connection.Producer(serializer="json")
        with connection.Consumer([queue], callbacks=[received]):
            for number in range(MESSAGES):
                producer.publish({"n": number}, exchange=queue.exchange, routing_key="r", declare=[queue])
            while len(seen) < MESSAGES:
                connection.drain_events(timeout=SECONDS)
    return len(seen)


def rele() -> int:
    """Relé's subscriptions and its publisher."""
    from google.auth.credentials import AnonymousCredentials
    from rele import sub
    from rele import worker as library
    from rele.client import Publisher

    seen = Seen()

    @sub(topic="work", prefix="some")
    def work(data: dict[str, int], **_: Any) -> None:
        seen.add(data["n"])

    # The library begins with a connection to port 80 of www.google.com.
    library.check_internet_connection = lambda _: True
    credentials = AnonymousCredentials()
    region, deadline, threads = "europe-west1", 60, 2
    worker = library.Worker([work], None, PROJECT, credentials, region, deadline, threads)
    worker.setup()
    worker.start()
    publisher = Publisher(PROJECT, credentials, encoder=json.JSONEncoder, timeout=10.0, client_options=None)
    for number in range(MESSAGES):
        publisher.publish("work", {"n": number}, blocking=True)
    return seen.count()


def gcloud_aio() -> int:
    """The asyncio client over REST, with its `subscribe`."""
    return asyncio.run(_gcloud_aio())


async def _gcloud_aio() -> int:
    import aiohttp
    from gcloud.aio.pubsub import PublisherClient, PubsubMessage, SubscriberClient, subscribe

    topic, subscription = f"projects/{PROJECT}/topics/work", f"projects/{PROJECT}/subscriptions/work"
    seen: set[int] = set()
    complete = asyncio.Event()

    async def received(message: Any) -> None:
        seen.add(json.loads(message.data)["n"])
        if len(seen) == MESSAGES:
            complete.set()

    async with aiohttp.ClientSession() as session:
        publisher, subscriber = PublisherClient(session=session), SubscriberClient(session=session)
        await publisher.create_topic(topic)
        await subscriber.create_subscription(subscription, topic)
        reader = asyncio.create_task(subscribe(subscription, received, subscriber, num_producers=1))
        numbers = [json.dumps({"n": number}).encode() for number in range(MESSAGES)]
        await publisher.publish(topic, [PubsubMessage(each, kind="n") for each in numbers])
        async with asyncio.timeout(SECONDS):
            await complete.wait()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    return len(seen)


def dramatiq() -> int:
    """Dramatiq's broker for Pub/Sub."""
    import dramatiq as library
    from dramatiq_gcpubsub import PubSubBroker

    seen = Seen()
    broker = PubSubBroker(project_id=PROJECT)
    library.set_broker(broker)

    @library.actor(queue_name="work")
    def work(number: int) -> None:
        seen.add(number)

    library.Worker(broker, worker_threads=2).start()
    for number in range(MESSAGES):
        work.send(number)
    return seen.count()


_FUNCTION: Final = """
import base64, os, functions_framework

@functions_framework.cloud_event
def work(event):
    os.write(1, base64.b64decode(event.data["message"]["data"]) + b"\\n")  # sys.stdout is the framework's log
"""


def functions_framework() -> int:
    """A function of Google's framework as the push endpoint."""
    from google.cloud import pubsub_v1

    topic, subscription = f"projects/{PROJECT}/topics/work", f"projects/{PROJECT}/subscriptions/work"
    source = Path(tempfile.mkdtemp()) / "main.py"
    source.write_text(_FUNCTION)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "functions_framework", "--target=work", "--signature-type=cloudevent"]
    place = [f"--source={source}", "--host=127.0.0.1", f"--port={port}"]
    seen: set[int] = set()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, *place], **pipes, text=True, start_new_session=True) as function:
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        publisher.create_topic(name=topic)
        endpoint = {"push_endpoint": f"http://127.0.0.1:{port}/"}
        subscriber.create_subscription({"name": subscription, "topic": topic, "push_config": endpoint})
        for number in range(MESSAGES):
            publisher.publish(topic, str(number).encode()).result(SECONDS)
        assert function.stdout is not None
        for line in function.stdout:
            seen |= {int(line)} if line.strip().isdecimal() else set()
            if len(seen) == MESSAGES:
                break
        # Its server starts workers of its own, which would keep the pipe open.
        os.killpg(function.pid, signal.SIGKILL)
    return len(seen)


if __name__ == "__main__":
    os.environ.setdefault("GOOGLE_CLOUD_PROJECT", PROJECT)
    clients = (kombu, rele, gcloud_aio, dramatiq, functions_framework)
    found = {each.__name__: each for each in clients}[sys.argv[1]]()
    print(f"{found} of {MESSAGES}", flush=True)  # noqa: T201  the answer of the script
    # Some of these libraries keep threads that no call ends.
    os._exit(0)
