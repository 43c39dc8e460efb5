"""Locust: field devices that each publish a reading now and then, over REST to a broker or emulator.

locust -f load/locustfile.py --headless --users 100 --spawn-rate 20 --run-time 1m --host http://127.0.0.1:8085
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from locust import FastHttpUser, between, events, task

from publisher.client import new_reading_id
from publisher.topics import LOCAL_TOPIC, topic_path
from schemas.codec import SCHEMA_ATTRIBUTE, SCHEMA_VERSION, encode, in_base64
from schemas.testing import Birds

if TYPE_CHECKING:
    from locust.argument_parser import LocustArgumentParser

_NUMBERS: Final = itertools.count(1)


def _options(parser: LocustArgumentParser) -> None:
    parser.add_argument(
        "--topic", env_var="ROOKERY_TOPIC", default=LOCAL_TOPIC, help="Whole name of the topic"
    )


events.init_command_line_parser.add_listener(_options)  # type: ignore[no-untyped-call]  # locust leaves it untyped


class FieldDevice(FastHttpUser):
    """One device: it measures a bird, publishes the reading, and goes looking for the next bird.

    A publish without a message id counts as failed, whatever its HTTP status.
    """

    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Take a number, which seeds this device's own colony."""
        number = next(_NUMBERS)
        self._device_id = f"device-{number}"
        self._birds = Birds(seed=number)
        self._path = f"/v1/{topic_path(self.environment.parsed_options.topic)}:publish"

    @task
    def publish_a_reading(self) -> None:
        """Publish one reading of one bird."""
        reading = self._birds.reading(
            reading_id=new_reading_id(), device_id=self._device_id, observed_at=datetime.now(UTC)
        )
        message = {"data": in_base64(encode(reading)), "attributes": {SCHEMA_ATTRIBUTE: SCHEMA_VERSION}}
        with self.client.post(
            self._path, json={"messages": [message]}, name="publish a reading", catch_response=True
        ) as response:
            if response.status_code != 200:  # noqa: PLR2004  HTTP's own number
                response.failure(f"HTTP {response.status_code}: {response.text}")
            elif len(response.json().get("messageIds", ())) != 1:
                response.failure(f"one message id is needed: {response.text}")
