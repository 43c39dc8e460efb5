"""Users: field devices, valid and malformed ones, and uploaders of whole tables."""

from __future__ import annotations

import itertools
import random
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from locust import User, between, task

from rookery.load.accounting.ledger import Fate
from rookery.load.accounting.published_log import OWN_ID, PublishedEntry
from rookery.load.swarm.publish_client import PublishFailedError, PublishRequest
from rookery.schemas.codec import SCHEMA_ATTRIBUTE, SCHEMA_VERSION
from rookery.schemas.testing import invalid_examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.load.swarm.swarm import Swarm

ATTRIBUTES: Final = {SCHEMA_ATTRIBUTE: SCHEMA_VERSION}
_NUMBERS: Final = itertools.count(1)


class Sender(User):
    """A user with a publish client of its own, who enters every reading in the published log."""

    abstract = True
    connections: ClassVar[int] = 1

    def on_start(self) -> None:
        """Take a number, which seeds this device's random choices, and open a publish client."""
        self.number = next(_NUMBERS)
        self.dice = random.Random(self.number)  # noqa: S311  variety, not secrecy
        self.swarm: Swarm = self.environment.swarm
        self.client = self.swarm.publish_client(connections=self.connections)

    def on_stop(self) -> None:
        """Close the publish client."""
        self.client.close()

    def single(self, since: float) -> tuple[PublishRequest, PublishedEntry]:
        """The next reading as a message of its own."""
        number, reading_id = self.dice.randrange(1_000_000), self.swarm.identity(since)
        payload = self.swarm.readings.single(number, reading_id, device=f"device-{self.number}")
        return PublishRequest(payload, ATTRIBUTES), self.swarm.readings.entry(number, reading_id)

    def send_single(self) -> None:
        """Publish the next reading."""
        since = time.perf_counter()
        message, entry = self.single(since)
        self.send("publish a reading", [message], [entry], since=since)

    def send(
        self,
        name: str,
        messages: Sequence[PublishRequest],
        entries: Sequence[PublishedEntry],
        *,
        since: float,
    ) -> None:
        """Publish in one request; its latency counts from `since`, when it was due."""
        if not self.swarm.may_send(len(messages)):
            return
        ids: list[str] = []
        failed: PublishFailedError | None = None
        try:
            ids = self.client.publish(messages)
            self.swarm.published_log.take(entries, ids)
        except PublishFailedError as error:
            failed = error
        finally:
            # A user may also be killed half way: readings without a message id are unconfirmed.
            if not ids:
                self.swarm.published_log.enter_unconfirmed(entries)
        self._report(name, since=since, failed=failed)

    def _report(self, name: str, *, since: float, failed: PublishFailedError | None) -> None:
        ms = (time.perf_counter() - since) * 1000
        self.swarm.stats.published(ms)
        others: dict[str, Any] = {"response_length": 0, "exception": failed, "context": {}}
        self.environment.events.request.fire(
            request_type=self.client.kind, name=name, response_time=ms, **others
        )


class FieldDevice(Sender):
    """One device, which publishes a reading about once a second."""

    weight = 8
    wait_time = between(0.5, 1.5)

    @task
    def publish_a_reading(self) -> None:
        """Publish one reading."""
        self.send_single()


class MalformedDevice(Sender):
    """A faulty device: a set share of its readings is malformed and must be rejected."""

    weight = 1
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Seed the malformed payloads."""
        super().on_start()
        self._malformed = invalid_examples(self.number)

    @task
    def publish_a_reading_or_a_malformed_one(self) -> None:
        """Publish one reading, malformed or not."""
        if self.dice.random() < self.swarm.settings.malformed_share:
            self._send_malformed()
        else:
            self.send_single()

    def _send_malformed(self) -> None:
        own = f"{self.swarm.settings.run}-malformed-{self.number}-{self.dice.getrandbits(48):x}"
        message = PublishRequest(next(self._malformed).payload, {**ATTRIBUTES, OWN_ID: own})
        entry = PublishedEntry(own, Fate.REJECTED, malformed=True)
        self.send("publish a malformed reading", [message], [entry], since=time.perf_counter())


class BulkUploader(Sender):
    """An uploader of whole tables, hundreds of readings in one message."""

    weight = 1
    wait_time = between(1.0, 3.0)

    @task
    def publish_a_table(self) -> None:
        """Publish one table."""
        since = time.perf_counter()
        ids = [self.swarm.identity(since) for _ in range(self.swarm.settings.table_rows)]
        entries = [self.swarm.readings.entry(row, reading_id) for row, reading_id in enumerate(ids)]
        self.send(
            "publish a table",
            [PublishRequest(self.swarm.readings.table(ids), ATTRIBUTES)],
            entries,
            since=since,
        )
