"""Users: field devices, sound ones and spoilt ones, and uploaders of whole tables."""

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
from rookery.schemas.testing import spoilt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.load.swarm.swarm import Swarm

ATTRIBUTES: Final = {SCHEMA_ATTRIBUTE: SCHEMA_VERSION}
_NUMBERS: Final = itertools.count(1)


class Sender(User):
    """Who publishes through a door of its own, and enters every reading in the journal."""

    abstract = True
    connections: ClassVar[int] = 1

    def on_start(self) -> None:
        """Take a number, which seeds this device's own dice, and open a door."""
        self.number = next(_NUMBERS)
        self.dice = random.Random(self.number)  # noqa: S311  variety, not secrecy
        self.swarm: Swarm = self.environment.swarm
        self.door = self.swarm.door(connections=self.connections)

    def on_stop(self) -> None:
        """Close the door."""
        self.door.close()

    def single(self, since: float) -> tuple[PublishRequest, PublishedEntry]:
        """The next bird as a message of its own."""
        number, reading_id = self.dice.randrange(1_000_000), self.swarm.identity(since)
        payload = self.swarm.birds.single(number, reading_id, device=f"device-{self.number}")
        return PublishRequest(payload, ATTRIBUTES), self.swarm.birds.entry(number, reading_id)

    def send_single(self) -> None:
        """Publish the next bird."""
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
            ids = self.door.publish(messages)
            self.swarm.journal.take(entries, ids)
        except PublishFailedError as error:
            failed = error
        finally:
            # A user may also be killed half way: what is not known to be taken is in doubt.
            if not ids:
                self.swarm.journal.doubt(entries)
        self._tell(name, since=since, failed=failed)

    def _tell(self, name: str, *, since: float, failed: PublishFailedError | None) -> None:
        ms = (time.perf_counter() - since) * 1000
        self.swarm.pulse.published(ms)
        told: dict[str, Any] = {"response_length": 0, "exception": failed, "context": {}}
        self.environment.events.request.fire(request_type=self.door.kind, name=name, response_time=ms, **told)


class FieldDevice(Sender):
    """One device: it measures a bird, publishes the reading, and goes looking for the next bird."""

    weight = 8
    wait_time = between(0.5, 1.5)

    @task
    def publish_a_reading(self) -> None:
        """Publish one reading of one bird."""
        self.send_single()


class MalformedDevice(Sender):
    """A device with a loose wire: a set share of what it publishes has to be refused."""

    weight = 1
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Begin to spoil."""
        super().on_start()
        self._spoilt = spoilt(self.number)

    @task
    def publish_or_spoil(self) -> None:
        """Publish one reading, spoilt or not."""
        if self.dice.random() < self.swarm.wishes.spoilt_share:
            self._spoil()
        else:
            self.send_single()

    def _spoil(self) -> None:
        own = f"{self.swarm.wishes.run}-spoilt-{self.number}-{self.dice.getrandbits(48):x}"
        message = PublishRequest(next(self._spoilt).payload, {**ATTRIBUTES, OWN_ID: own})
        entry = PublishedEntry(own, Fate.REJECTED, spoilt=True)
        self.send("publish a spoilt reading", [message], [entry], since=time.perf_counter())


class BulkUploader(Sender):
    """Somebody with a file: whole tables, hundreds of readings in one message."""

    weight = 1
    wait_time = between(1.0, 3.0)

    @task
    def publish_a_table(self) -> None:
        """Publish one table."""
        since = time.perf_counter()
        ids = [self.swarm.identity(since) for _ in range(self.swarm.wishes.table_rows)]
        entries = [self.swarm.birds.entry(row, reading_id) for row, reading_id in enumerate(ids)]
        self.send(
            "publish a table", [PublishRequest(self.swarm.birds.table(ids), ATTRIBUTES)], entries, since=since
        )
