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

    With 32 requests in flight the next one waits, and its wait is part of its latency.
    """

    weight = 10
    wait_time = constant(0)
    connections: ClassVar[int] = 32

    def on_start(self) -> None:
        """Start at once."""
        super().on_start()
        self._pool = Pool(self.connections)
        self._due = time.perf_counter()

    def on_stop(self) -> None:
        """Let requests in flight finish."""
        self._pool.join(timeout=_ENDS_WITHIN_S)
        self._pool.kill()
        super().on_stop()

    @task
    def send_next(self) -> None:
        """Send the next request when it is due, at once where that moment has passed."""
        settings = self.swarm.settings
        self._due += settings.open_loop_messages / settings.open_loop_rate
        gevent.sleep(max(0.0, self._due - time.perf_counter()))
        self._pool.spawn(self._send, settings.open_loop_messages, self._due)

    def _send(self, count: int, due: float) -> None:
        made = [self.single(due) for _ in range(count)]
        entries: list[PublishedEntry] = [entry for _, entry in made]
        self.send("publish in an open loop", [message for message, _ in made], entries, since=due)
