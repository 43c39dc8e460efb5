"""Swarm: what all users of one Locust process share: the birds, the journal, the pulse and the listener."""

from __future__ import annotations

import itertools
import logging
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import gevent  # type: ignore[import-untyped]  # ships none

from rookery.load.accounting.published_log import PublishedLog
from rookery.load.swarm.access_token import AccessToken
from rookery.load.swarm.dataset import KnownReadings
from rookery.load.swarm.durability_listener import DURABLE, LOOK_EVERY_S, MARK, Listener
from rookery.load.swarm.per_second_stats import PerSecondStats, SwarmTotals
from rookery.load.swarm.publish_client import GrpcPublishClient, RestPublishClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.load.swarm.publish_client import PublishClient
    from rookery.load.swarm.settings import SwarmSettings

log: Final = logging.getLogger(__name__)

_SEED: Final = 7
_GOOGLE: Final = "googleapis.com"


class Swarm:
    """Opened when a test starts, closed when it stops; the users find it as `environment.swarm`."""

    def __init__(self, environment: Any, wishes: SwarmSettings, *, topic: str) -> None:
        self.wishes = wishes
        self.birds = KnownReadings.load(wishes.birds) if wishes.birds else KnownReadings.seeded(_SEED)
        folder = wishes.folder or Path(os.devnull)
        self.journal = PublishedLog(folder / "journal.tsv" if wishes.folder else folder)
        self.pulse = PerSecondStats(folder / "beats.ndjson" if wishes.folder else folder)
        self.listener = Listener([each for each in (wishes.results, wishes.rejects) if each], self._heard)
        self._environment = environment
        self._topic = topic
        self._token = AccessToken()
        self._numbers = itertools.count(1)
        self._left = wishes.cap or None
        self._ended = False
        self._stack = ExitStack()
        self._greenlets: list[Any] = []

    def open(self) -> None:
        """Begin to write and to listen; raises OSError."""
        self._stack.enter_context(self.journal)
        self._stack.enter_context(self.pulse)
        loops: list[tuple[float, Callable[[], object]]] = [
            (1.0, self._beat),
            (LOOK_EVERY_S, self.listener.look),
        ]
        self._greenlets = [gevent.spawn(_every, seconds, act, self.pulse) for seconds, act in loops]

    def close(self) -> None:
        """Write the last beat and end."""
        gevent.killall(self._greenlets)
        self._beat()
        self._stack.close()

    def door(self, *, connections: int = 1) -> PublishClient:
        """A door for one user."""
        host = str(self._environment.host)
        if self.wishes.door == "grpc":
            return GrpcPublishClient(host, self._topic)
        google = (urlsplit(host).hostname or "").endswith(_GOOGLE)
        token = self._token if google else lambda: ""
        return RestPublishClient(host, self._topic, connections=connections, token=token)

    def identity(self, since: float) -> str:
        """Name the next reading; now and then one that the listener waits for."""
        name = f"{self.wishes.run}-{next(self._numbers)}"
        if self.listener.wants():
            name += MARK
            self.listener.watch(name, since)
        return name

    def may_send(self, messages: int) -> bool:
        """Take so many messages from the cap; where it is used up, the whole run ends."""
        if self._left is None:
            return True
        if self._left < messages:
            self._end_all()
            return False
        self._left -= messages
        return True

    def _end_all(self) -> None:
        if not self._ended:
            self._ended = True
            log.warning("The cap of %s messages is reached.", self.wishes.cap)
            # Not by the user's own greenlet, which is among those that end.
            gevent.spawn(self._environment.runner.quit)

    def _heard(self, seconds: float) -> None:
        self._environment.events.request.fire(
            request_type="RESULT",
            name=DURABLE,
            response_time=seconds * 1000,
            response_length=0,
            exception=None,
            context={},
        )

    def _beat(self) -> None:
        users = self._environment.runner.user_count if self._environment.runner else 0
        totals = SwarmTotals(
            users=users,
            readings=self.journal.readings,
            messages=self.journal.messages,
            doubtful=self.journal.doubtful,
            durable=self.listener.lines,
        )
        self.pulse.beat(totals)


def _every(seconds: float, act: Callable[[], object], pulse: PerSecondStats) -> None:
    """Act again and again, and note by how much each sleep was too long."""
    while True:
        due = time.perf_counter() + seconds
        gevent.sleep(seconds)
        pulse.lag((time.perf_counter() - due) * 1000)
        act()
