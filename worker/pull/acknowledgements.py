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
    from rookery.worker.pull.pull_metrics import PullMetrics

    Call = Callable[[Sequence[str]], Awaitable[None]]

log: Final = logging.getLogger(__name__)

FIRST_NACK_SECONDS: Final = 0.1
LONGEST_NACK_SECONDS: Final = 30.0
"""Bounds of the delay of nacks: without it, a sink that is down would have each message redelivered in a busy loop."""


class AckSender:
    """Sends what became of deliveries, and releases their leases once Pub/Sub has confirmed or refused it."""

    def __init__(self, channel: SubscriberChannel, leases: DeliveryLeases, metrics: PullMetrics) -> None:
        """Store where requests go; `sending` sends them."""
        self._leases = leases
        self._acks = _Outgoing(channel.acknowledge, leases, metrics.acknowledged)
        self._nacks = _Outgoing(channel.nack, leases, metrics.nacked)
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
        await self._acks.finish()
        for ack_id in self._leases.ids:
            self._nacks.add(ack_id)
        await self._nacks.finish()


class _Outgoing:
    """Ack ids that wait for one kind of request, with the time since which they do.

    None is removed before its answer: sent again it changes nothing, or, of a subscription with exactly-once delivery,
    is refused. A request that failed is retried as long as a lease lasts, for the ids that may still succeed.
    """

    def __init__(
        self, call: Call, leases: DeliveryLeases, answered: Callable[[int, int, float], None]
    ) -> None:
        self._call = call
        self._leases = leases
        self._answered = answered
        self._ids: dict[str, float] = {}
        self._added = asyncio.Event()
        self._pause = RetryDelay(0.1, 5.0)

    def add(self, ack_id: str) -> None:
        self._ids.setdefault(ack_id, time.monotonic())
        self._added.set()

    async def send(self, delay: Callable[[], float]) -> None:
        """Send requests until cancelled, each after a delay in seconds."""
        while True:
            await self._added.wait()
            self._added.clear()
            await asyncio.sleep(delay())
            try:
                failed = not await self._flush()
            except Exception:
                log.exception("failed to answer deliveries")
                failed = True
            if failed:
                await asyncio.sleep(self._pause.next())
                self._added.set()
            else:
                self._pause.reset()

    async def finish(self) -> None:
        """Send what waits until nothing is left."""
        while not await self._flush():  # noqa: ASYNC110  each flush is a request, not a look
            await asyncio.sleep(self._pause.next())

    async def _flush(self) -> bool:
        """Send all that waits now; False where some of it has to be sent again."""
        waiting = list(self._ids)
        for first in range(0, len(waiting), MOST_IDS):
            await self._request(waiting[first : first + MOST_IDS])
        return self._ids.keys().isdisjoint(waiting)

    async def _request(self, ack_ids: Sequence[str]) -> None:
        began = time.monotonic()
        lost: Sequence[str] = ()
        ended = ack_ids
        try:
            await self._call(ack_ids)
        except PullCallError as error:
            oldest = began - self._leases.seconds
            lost = ended = [
                each for each in ack_ids if error.ends(each) or self._ids.get(each, began) < oldest
            ]
            if lost:
                log.warning("failed to answer %d deliveries, which will be redelivered: %s", len(lost), error)
        for ack_id in ended:
            # A drain that is given up sends beside the requests in flight.
            self._ids.pop(ack_id, None)
        self._leases.release(ended)
        self._answered(len(ended) - len(lost), len(lost), time.monotonic() - began)
