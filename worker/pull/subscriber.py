"""PullSubscriber: the parts of pull together, in the order in which they start and end."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from rookery.worker.errors import MisconfiguredError
from rookery.worker.pull.acknowledgements import AckSender
from rookery.worker.pull.channel import SubscriberChannel
from rookery.worker.pull.leases import DeliveryLeases
from rookery.worker.pull.pull_metrics import PullMetrics
from rookery.worker.pull.receiver import PullReceiver
from rookery.worker.pull.stream import PullStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rookery.worker.observability.health import Health
    from rookery.worker.observability.metrics import Metrics
    from rookery.worker.pipeline import Pipeline
    from rookery.worker.settings import Settings

log: Final = logging.getLogger(__name__)

FINISH_SECONDS: Final = 1.0
"""Time for the last acknowledgements and nacks, after the drain."""


class PullSubscriber:
    """Takes messages from one subscription while `receiving`, and answers them as long as `answering` is open."""

    def __init__(self, pipeline: Pipeline, settings: Settings, *, metrics: Metrics, health: Health) -> None:
        """Make the parts; nothing is connected yet."""
        self._metrics = PullMetrics(metrics.registry, metrics.failures)
        self._channel = SubscriberChannel(settings.pull)
        self._leases = DeliveryLeases(
            self._channel,
            self._metrics,
            seconds=settings.ack_deadline_seconds,
            most_messages=settings.queue_rows,
            most_bytes=settings.queue_bytes,
        )
        self._acks = AckSender(self._channel, self._leases, self._metrics)
        self._receiver = PullReceiver(
            pipeline,
            self._leases,
            self._acks,
            subscription=settings.pull,
            metrics=metrics,
            health=health,
        )
        self._start = asyncio.Event()
        self._stream: PullStream | None = None

    @property
    def reason(self) -> str | None:
        """Why no messages arrive; None where they can."""
        return None if self._stream is None else self._stream.reason

    def start(self) -> None:
        """Open the stream: the sinks were seen to work."""
        self._start.set()

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Extend leases and send answers while the context is open; at its end, answer every delivery that is left."""
        await self._channel.open()
        keeping = asyncio.create_task(self._leases.keep(), name="leases")
        try:
            async with self._acks.sending():
                yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await self.finish()
            await self._channel.close()

    @asynccontextmanager
    async def receiving(self, opened: Callable[[], None]) -> AsyncIterator[None]:
        """Take messages from `start` on while the context is open; `opened` is called once the first stream is open.

        A stream that the configuration does not allow ends the context's body with MisconfiguredError.
        """
        self._stream = stream = PullStream(
            self._channel,
            self._leases,
            self._receiver.take,
            opened=opened,
            ended=self._metrics.stream_ended,
        )

        async def run() -> None:
            await self._start.wait()
            await stream.run()

        forbidden: Exception | None = None
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(run(), name="pull stream")
                try:
                    yield
                finally:
                    reading.cancel()
                    self._receiver.stop()
        except* MisconfiguredError as errors:
            forbidden = errors.exceptions[0]
        # Not in there: before Python 3.11.4 what is raised there becomes a group.
        if forbidden is not None:
            raise forbidden from None

    async def finish(self) -> None:
        """Send the last acknowledgements, and nack the rest; what does not succeed in time is redelivered by itself."""
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                await self._acks.finish()
        except TimeoutError:
            log.warning("failed to answer the last deliveries in time: they will be redelivered")
