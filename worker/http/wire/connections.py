"""Connections: one clock for all of them, and one bound for what they hold together of requests still arriving."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from rookery.worker.http.responses import no_content
from rookery.worker.runtime.allocator import trim

if TYPE_CHECKING:
    from collections.abc import Callable

TICK_SECONDS: Final = 1.0
TRIM_BYTES: Final = 8 * 1024 * 1024
"""Bytes that were held and are no longer, from which on it is worth to give memory back."""

TRIM_REFUSED: Final = 100
"""Requests that were refused, from which on it is: what they brought was held too shortly to be counted."""

LARGE_BYTES: Final = 64 * 1024
"""Bytes from which a request that came last gives way first: those that began before it can still finish."""


class Connection(Protocol):
    """The methods of a connection that the registry calls."""

    def tick(self, now: float) -> None:
        """End what has taken too long."""

    def close(self) -> None:
        """Close once what was written is sent."""


class Receiver(Protocol):
    """Holds bytes of a request that is arriving."""

    def give_way(self) -> None:
        """Refuse that request and hold nothing of it."""


class ReceiveBudget:
    """Bounds the bytes of requests that are still arriving, over all connections.

    Beyond the bound, a request gives way: of the large ones the latest, so that a burst of large bodies is served in
    part and not refused in whole; where all are small the oldest, which has had the time to arrive.
    """

    def __init__(self, most_bytes: int) -> None:
        """Store the bound."""
        self._most = most_bytes
        self._total = self._peak = 0
        self._held: dict[Receiver, int] = {}

    @property
    def receded(self) -> int:
        """Bytes that were held more than now, at the most since `settle`."""
        return self._peak - self._total

    def settle(self) -> None:
        """Measure what recedes anew."""
        self._peak = self._total

    def hold(self, receiver: Receiver, count: int) -> None:
        """Record how many bytes a receiver holds now, and free some where that is too much; 0 removes the receiver."""
        self._total += count - self._held.get(receiver, 0)
        if count:
            self._held[receiver] = count
        else:
            self._held.pop(receiver, None)
        self._peak = max(self._peak, self._total)
        while self._total > self._most:
            loser = self._loser()
            self._total -= self._held.pop(loser)
            loser.give_way()

    def _loser(self) -> Receiver:
        latest = reversed(self._held.items())
        return next((each for each, count in latest if count >= LARGE_BYTES), next(iter(self._held)))


class ConnectionRegistry:
    """All open connections: one timer updates their clock (`now`) and the answer that most get (`done`)."""

    def __init__(self, *, most_bytes: int, on_tick: Callable[[], None] = lambda: None) -> None:
        """Store the bound of requests whose senders are admitted; all others have a quarter as much."""
        self.done = no_content()
        self.now = 0.0
        self.admitted = ReceiveBudget(most_bytes)
        self.unauthenticated = ReceiveBudget(most_bytes // 4)
        self.refused = 0
        """Requests that were refused for their form or size since memory was given back."""

        self._on_tick = on_tick
        self._trims_again = False
        self._open: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: Connection) -> None:
        """Watch a connection."""
        if self._timer is None:
            self._watch()
        self._open.add(connection)

    def discard(self, connection: Connection) -> None:
        """Watch a connection no longer."""
        self._open.discard(connection)

    def close(self) -> None:
        """Close every connection."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in tuple(self._open):
            connection.close()

    def _watch(self) -> None:
        self.done = no_content()
        loop = asyncio.get_running_loop()
        now = self.now = loop.time()
        self._on_tick()
        for connection in tuple(self._open):
            connection.tick(now)
        receded = (
            self.admitted.receded + self.unauthenticated.receded > TRIM_BYTES or self.refused >= TRIM_REFUSED
        )
        if receded or self._trims_again:
            trim()
            self.refused = 0
            self.admitted.settle()
            self.unauthenticated.settle()
        # At the end of a burst the rest goes after this tick, and is too little by itself for another one.
        self._trims_again = receded
        self._timer = loop.call_later(TICK_SECONDS, self._watch)
