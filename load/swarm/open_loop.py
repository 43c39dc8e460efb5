"""OpenLoop: messages at a fixed rate, whether or not the answers keep up (an open loop)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Final

import gevent  # type: ignore[import-untyped]  # ships none
from gevent.pool import Pool  # type: ignore[import-untyped]  # ships none
from locust import constant, task

from rookery.load.swarm.users import Sender

if TYPE_CHECKING:
    from rookery.load.accounting.published_log import PublishedEntry

_ENDS_WITHIN_S: Final = 20.0


class OpenLoop(Sender):
    """One stream of requests, each at its due time; latency counts from then, so that no wait is left out.

    Where 32 requests are under way already the next one waits, and its wait is part of its latency.
    """

    weight = 10
    wait_time = constant(0)
    connections: ClassVar[int] = 32

    def on_start(self) -> None:
        """Begin at once."""
        super().on_start()
        self._pool = Pool(self.connections)
        self._due = time.perf_counter()

    def on_stop(self) -> None:
        """Let what is under way finish."""
        self._pool.join(timeout=_ENDS_WITHIN_S)
        self._pool.kill()
        super().on_stop()

    @task
    def blow(self) -> None:
        """Send the next request when it is due; where time is up already, without a pause."""
        wishes = self.swarm.wishes
        self._due += wishes.storm_messages / wishes.storm_rate
        gevent.sleep(max(0.0, self._due - time.perf_counter()))
        self._pool.spawn(self._gust, wishes.storm_messages, self._due)

    def _gust(self, count: int, due: float) -> None:
        made = [self.single(due) for _ in range(count)]
        entries: list[PublishedEntry] = [entry for _, entry in made]
        self.send("storm", [message for message, _ in made], entries, since=due)
