"""DeliveryLeases: the deliveries that a worker holds, extended while their work lasts."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from rookery.worker.pull.errors import PullCallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rookery.worker.pull.channel import SubscriberChannel
    from rookery.worker.pull.pull_metrics import PullMetrics

log: Final = logging.getLogger(__name__)

SHORTEST_SECONDS: Final = 10
LONGEST_SECONDS: Final = 600
"""Pub/Sub's bounds of an ack deadline; no delivery is held longer than the second in all, so that another worker may try."""

MOST_IDS: Final = 2_500
"""Ids of one request: Pub/Sub takes 512 KiB, and an id has up to two hundred characters."""

_CHECKS: Final = 4
"""Checks in the time of one lease; one with less than half of it left is extended, so an extension may fail once."""


# Not frozen, because one is made for every message.
class _Lease(Struct):
    since: float
    until: float
    size: int
    over: bool = False


class DeliveryLeases:
    """Deliveries that are neither acknowledged nor nacked, by ack id, with their bytes.

    Short work costs nothing: only deliveries that are held for half of their time are extended.
    """

    def __init__(  # noqa: PLR0913  bounds and parts, most of them by keyword
        self,
        channel: SubscriberChannel,
        metrics: PullMetrics,
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
        self._metrics = metrics
        self._clock = clock
        self._held: dict[str, _Lease] = {}
        self.size = 0
        """Bytes of the deliveries that are held."""
        self._freed = asyncio.Event()
        metrics.holding(self)

    @property
    def count(self) -> int:
        """How many deliveries are held."""
        return len(self._held)

    @property
    def ids(self) -> list[str]:
        """Every delivery that is held, oldest first."""
        return list(self._held)

    def hold(self, deliveries: Iterable[tuple[str, int]]) -> None:
        """Count deliveries, by ack id and bytes, that were received just now."""
        now = self._clock()
        until, held, added = now + self.seconds, self._held, 0
        for ack_id, size in deliveries:
            if ack_id in held:
                self.release([ack_id])
            held[ack_id] = _Lease(now, until, size)
            added += size
        self.size += added

    def release(self, ack_ids: Sequence[str]) -> None:
        """Forget deliveries that were acknowledged or nacked."""
        for ack_id in ack_ids:
            lease = self._held.pop(ack_id, None)
            if lease is not None:
                self.size -= lease.size
        self._freed.set()

    async def capacity(self) -> None:
        """Return when another delivery may be received: brokers for tests keep no bounds of their own."""
        while len(self._held) >= self.most_messages or self.size >= self.most_bytes:
            self._freed.clear()
            await self._freed.wait()

    async def keep(self) -> None:
        """Extend deliveries until cancelled."""
        while True:
            await asyncio.sleep(self.seconds / _CHECKS)
            try:
                await self.extend()
            except Exception:
                log.exception("failed to extend leases")

    async def extend(self) -> None:
        """Extend the deliveries that end soon, and count those that ended before their work."""
        now = self._clock()
        ending = []
        for ack_id, lease in self._held.items():
            if lease.over or lease.until - now >= self.seconds / 2:
                continue
            if now - lease.since < LONGEST_SECONDS:
                ending.append(ack_id)
            elif lease.until <= now:
                self._end([ack_id])
        for first in range(0, len(ending), MOST_IDS):
            await self._extend(ending[first : first + MOST_IDS], now)

    async def _extend(self, ack_ids: Sequence[str], now: float) -> None:
        try:
            await self._channel.modify_deadline(ack_ids, self.seconds)
        except PullCallError as error:
            log.warning("failed to extend leases; their messages may be redelivered: %s", error)
            # Only where Pub/Sub says so of a single id is its lease known to have ended before its time.
            self._end([each for each in ack_ids if error.failures and error.ends(each)])
            self._end([each for each in ack_ids if each in self._held and self._held[each].until <= now])
            return
        for ack_id in ack_ids:
            if (lease := self._held.get(ack_id)) is not None:
                lease.until = now + self.seconds
        self._metrics.leases_extended(len(ack_ids))

    def _end(self, ack_ids: Sequence[str]) -> None:
        """Extend leases no more: their messages are redelivered, perhaps to another worker."""
        ended = [lease for each in ack_ids if (lease := self._held.get(each)) is not None and not lease.over]
        for lease in ended:
            lease.over = True
        self._metrics.leases_expired(len(ended))
