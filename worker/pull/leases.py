"""DeliveryLeases: the deliveries that a worker holds, extended while their work lasts."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.worker.pull.errors import PullCallError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rookery.worker.pull.channel import SubscriberChannel

log: Final = logging.getLogger(__name__)

SHORTEST_SECONDS: Final = 10
LONGEST_SECONDS: Final = 600
"""Pub/Sub's bounds of an ack deadline; no delivery is held longer than the second in all, so that another worker may try."""

MOST_IDS: Final = 2_500
"""Ids of one request: Pub/Sub takes 512 KiB, and an id has up to two hundred characters."""

_CHECKS: Final = 4
"""Checks in the time of one lease; one with less than half of it left is extended, so an extension may fail once."""


@dataclass(slots=True)
class _Lease:
    since: float
    until: float
    size: int


class DeliveryLeases:
    """Deliveries that are neither acknowledged nor nacked, by ack id, with their bytes.

    Short work costs nothing: only deliveries that are held for half of their time are extended.
    """

    def __init__(
        self,
        channel: SubscriberChannel,
        *,
        seconds: float,
        most_messages: int,
        most_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store the bounds; `seconds` is brought within Pub/Sub's own."""
        self.seconds = int(min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS))
        self.most_messages = most_messages
        self.most_bytes = most_bytes
        self._channel = channel
        self._clock = clock
        self._held: dict[str, _Lease] = {}
        self._size = 0
        self._freed = asyncio.Event()

    @property
    def ids(self) -> list[str]:
        """Every delivery that is held, oldest first."""
        return list(self._held)

    def hold(self, ack_id: str, size: int) -> None:
        """Count a delivery that was received just now."""
        self.release([ack_id])
        now = self._clock()
        self._held[ack_id] = _Lease(now, now + self.seconds, size)
        self._size += size

    def release(self, ack_ids: Sequence[str]) -> None:
        """Forget deliveries that were acknowledged or nacked."""
        for ack_id in ack_ids:
            lease = self._held.pop(ack_id, None)
            if lease is not None:
                self._size -= lease.size
        self._freed.set()

    async def capacity(self) -> None:
        """Return when another delivery may be received: brokers for tests keep no bounds of their own."""
        while len(self._held) >= self.most_messages or self._size >= self.most_bytes:
            self._freed.clear()
            await self._freed.wait()

    async def keep(self) -> None:
        """Extend deliveries until cancelled."""
        while True:
            await asyncio.sleep(self.seconds / _CHECKS)
            try:
                await self.extend()
            except PullCallError as error:
                log.warning("failed to extend leases; their messages may be redelivered: %s", error)
            except Exception:
                log.exception("failed to extend leases")

    async def extend(self) -> None:
        """Extend the deliveries that end soon; raises PullCallError."""
        now = self._clock()
        ending = [
            ack_id
            for ack_id, lease in self._held.items()
            if lease.until - now < self.seconds / 2 and now - lease.since < LONGEST_SECONDS
        ]
        for first in range(0, len(ending), MOST_IDS):
            ack_ids = ending[first : first + MOST_IDS]
            await self._channel.modify_deadline(ack_ids, self.seconds)
            for ack_id in ack_ids:
                if (lease := self._held.get(ack_id)) is not None:
                    lease.until = now + self.seconds
