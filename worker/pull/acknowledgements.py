"""AckSender: acknowledgements and nacks, many in one request.

While one request is in flight the next ones gather, as batches do, so no timer has to be tuned.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from rookery.worker.pull.errors import PullCallError
from rookery.worker.pull.leases import MOST_IDS
from rookery.worker.pull.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from rookery.worker.pull.channel import SubscriberChannel
    from rookery.worker.pull.leases import DeliveryLeases

    Call = Callable[[Sequence[str]], Awaitable[None]]

log: Final = logging.getLogger(__name__)

FIRST_NACK_SECONDS: Final = 0.1
LONGEST_NACK_SECONDS: Final = 30.0
"""Bounds of the delay of nacks: without it, a sink that is down would have each message redelivered in a busy loop."""


class AckSender:
    """Sends what became of deliveries, and releases their leases."""

    def __init__(self, channel: SubscriberChannel, leases: DeliveryLeases) -> None:
        """Store where requests go; `sending` sends them."""
        self._channel = channel
        self._leases = leases
        self._acks = _Outgoing(channel.acknowledge, leases)
        self._nacks = _Outgoing(channel.nack, leases)
        self._delay = RetryDelay(FIRST_NACK_SECONDS, LONGEST_NACK_SECONDS)

    def acknowledge(self, ack_id: str) -> None:
        """Acknowledge a delivery whose results are durable."""
        self._delay.reset()
        self._acks.add(ack_id)

    def nack(self, ack_id: str) -> None:
        """Return a delivery for redelivery, later each time until another one is acknowledged."""
        self._nacks.add(ack_id)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send requests while the context is open."""
        tasks = [
            asyncio.create_task(self._acks.send(lambda: 0.0), name="acknowledgements"),
            asyncio.create_task(self._nacks.send(self._delay.next), name="nacks"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def finish(self) -> None:
        """Send the acknowledgements that are left, and nack every other delivery that is held."""
        await self._acks.flush()
        for ack_id in self._leases.ids:
            self._nacks.add(ack_id)
        await self._nacks.flush()


class _Outgoing:
    """Ack ids that wait for one kind of request; sent again they change nothing, so none is removed before its answer."""

    def __init__(self, call: Call, leases: DeliveryLeases) -> None:
        self._call = call
        self._leases = leases
        self._ids: dict[str, None] = {}
        self._added = asyncio.Event()

    def add(self, ack_id: str) -> None:
        self._ids[ack_id] = None
        self._added.set()

    async def send(self, delay: Callable[[], float]) -> None:
        """Send requests until cancelled, each after a delay in seconds."""
        while True:
            await self._added.wait()
            self._added.clear()
            await asyncio.sleep(delay())
            try:
                await self.flush()
            except Exception:
                log.exception("failed to answer deliveries")

    async def flush(self) -> None:
        """Send all that waits now; a request is retried as long as a lease lasts, then its messages are redelivered."""
        waiting = list(self._ids)
        for first in range(0, len(waiting), MOST_IDS):
            ack_ids = waiting[first : first + MOST_IDS]
            await self._answered(ack_ids)
            for ack_id in ack_ids:
                self._ids.pop(ack_id, None)
            self._leases.release(ack_ids)

    async def _answered(self, ack_ids: Sequence[str]) -> None:
        until = time.monotonic() + self._leases.seconds
        pause = RetryDelay(0.1, 5.0)
        while True:
            try:
                await self._call(ack_ids)
            except PullCallError as error:
                if not error.transient or time.monotonic() > until:
                    log.warning(
                        "failed to answer %d deliveries, which will be redelivered: %s", len(ack_ids), error
                    )
                    return
                await asyncio.sleep(pause.next())
            else:
                return
