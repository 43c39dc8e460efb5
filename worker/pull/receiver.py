"""PullReceiver: hands received messages to the pipeline, and answers each delivery by its outcome."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rookery.worker.decoding.message import size_of
from rookery.worker.errors import DefectError, DrainingError, QueueFullError, RetryError
from rookery.worker.pull.received import envelope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.schemas.envelope import Envelope
    from rookery.worker.observability.health import Health
    from rookery.worker.observability.metrics import Metrics
    from rookery.worker.pipeline import Pipeline
    from rookery.worker.pull.acknowledgements import AckSender
    from rookery.worker.pull.leases import DeliveryLeases

    Delivery = tuple[str, Envelope]
    """The ack id of a delivery, and its message."""

log: Final = logging.getLogger(__name__)

_RELEASED: Final = 2
"""Deliveries that go to the pipeline for each that ended: two, so that after a full queue batches grow again."""


class PullReceiver:
    """Durable is acknowledged, everything else nacked; a delivery that finds the queue full waits here.

    A nack would bring it back at once, to the same full queue, and use up its delivery attempts.
    """

    def __init__(  # noqa: PLR0913  each part is one, most of them by keyword
        self,
        pipeline: Pipeline,
        leases: DeliveryLeases,
        acks: AckSender,
        *,
        subscription: str,
        metrics: Metrics,
        health: Health,
    ) -> None:
        """Store where messages and answers go, and the subscription's full name."""
        self._pipeline = pipeline
        self._leases = leases
        self._acks = acks
        self._subscription = subscription
        self._metrics = metrics
        self._health = health
        self._waiting: deque[Delivery] = deque()
        self._in_flight: set[str] = set()
        self._ended = 0
        self._stopped = False

    def take(self, messages: Sequence[Any]) -> None:
        """Take the ReceivedMessage protocol buffers that came together."""
        subscription = self._subscription
        deliveries = [(received.ack_id, envelope_of(received, subscription)) for received in messages]
        self._leases.hold((ack_id, size_of(envelope)) for ack_id, envelope in deliveries)
        if self._waiting:
            self._waiting.extend(deliveries)
        else:
            self._enqueue(deliveries)

    def stop(self) -> None:
        """Nack the deliveries that wait, and from now on those that find the queue full."""
        self._stopped = True
        while self._waiting:
            ack_id, _ = self._waiting.popleft()
            self._nack(ack_id, DrainingError("the worker is draining"))

    def _enqueue(self, deliveries: Sequence[Delivery]) -> None:
        """Hand deliveries to the pipeline; a defect there nacks those that it has not answered."""
        messages = [(delivery[1], partial(self._settle, delivery)) for delivery in deliveries]
        self._in_flight.update(ack_id for ack_id, _ in deliveries)
        try:
            self._pipeline.enqueue(messages)
        except Exception:
            log.exception("failed to enqueue %d messages", len(messages))
            for delivery in deliveries:
                self._settle(delivery, DefectError("failed to enqueue this message"))

    def _settle(self, delivery: Delivery, error: RetryError | None) -> None:
        """Answer a delivery; the first outcome counts."""
        ack_id, _ = delivery
        if ack_id not in self._in_flight:
            return
        self._in_flight.remove(ack_id)
        # Where nothing is in flight, nothing would end that lets the delivery go on.
        if isinstance(error, QueueFullError) and self._in_flight and not self._stopped:
            self._waiting.appendleft(delivery)
            return
        if error is None:
            self._acks.acknowledge(ack_id)
        else:
            self._nack(ack_id, error)
        if self._waiting:
            if not self._ended:
                # At the end of this turn, when the pipeline has done with the batch that ended.
                asyncio.get_running_loop().call_soon(self._release)
            self._ended += 1

    def _release(self) -> None:
        count, self._ended = min(_RELEASED * self._ended, len(self._waiting)), 0
        self._enqueue([self._waiting.popleft() for _ in range(count)])

    def _nack(self, ack_id: str, error: RetryError) -> None:
        self._metrics.retry(error.cause)
        if isinstance(error, DefectError):
            self._health.defect()
        self._acks.nack(ack_id)
