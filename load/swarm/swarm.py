"""Swarm: what all users of one Locust process share: readings, published log, statistics and listener."""

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

    def __init__(self, environment: Any, settings: SwarmSettings, *, topic: str) -> None:
        self.settings = settings
        self.readings = (
            KnownReadings.load(settings.readings) if settings.readings else KnownReadings.seeded(_SEED)
        )
        folder = settings.folder or Path(os.devnull)
        self.published_log = PublishedLog(folder / "published.tsv" if settings.folder else folder)
        self.stats = PerSecondStats(folder / "beats.ndjson" if settings.folder else folder)
        self.listener = Listener([each for each in (settings.results, settings.rejects) if each], self._heard)
        self._environment = environment
        self._topic = topic
        self._token = AccessToken()
        self._numbers = itertools.count(1)
        self._left = settings.max_messages or None
        self._ended = False
        self._stack = ExitStack()
        self._greenlets: list[Any] = []

    def open(self) -> None:
        """Start writing and listening; raises OSError."""
        self._stack.enter_context(self.published_log)
        self._stack.enter_context(self.stats)
        loops: list[tuple[float, Callable[[], object]]] = [
            (1.0, self._beat),
            (LOOK_EVERY_S, self.listener.look),
        ]
        self._greenlets = [gevent.spawn(_every, seconds, act, self.stats) for seconds, act in loops]

    def close(self) -> None:
        """Write the last second and stop."""
        gevent.killall(self._greenlets)
        self._beat()
        self._stack.close()

    def publish_client(self, *, connections: int = 1) -> PublishClient:
        """A publish client for one user."""
        host = str(self._environment.host)
        if self.settings.transport == "grpc":
            return GrpcPublishClient(host, self._topic)
        google = (urlsplit(host).hostname or "").endswith(_GOOGLE)
        token = self._token if google else lambda: ""
        return RestPublishClient(host, self._topic, connections=connections, token=token)

    def identity(self, since: float) -> str:
        """Name the next reading; the listener waits for some of them."""
        name = f"{self.settings.run}-{next(self._numbers)}"
        if self.listener.wants():
            name += MARK
            self.listener.watch(name, since)
        return name

    def may_send(self, messages: int) -> bool:
        """Take messages from the limit; the whole run ends once it is used up."""
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
            log.warning("The limit of %s messages is reached.", self.settings.max_messages)
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
            readings=self.published_log.readings,
            messages=self.published_log.messages,
            unconfirmed=self.published_log.unconfirmed,
            durable=self.listener.lines,
        )
        self.stats.beat(totals)


def _every(seconds: float, act: Callable[[], object], stats: PerSecondStats) -> None:
    """Act periodically, and record how late each action was."""
    while True:
        due = time.perf_counter() + seconds
        gevent.sleep(seconds)
        stats.lag((time.perf_counter() - due) * 1000)
        act()
