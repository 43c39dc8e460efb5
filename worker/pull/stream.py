"""PullStream: one StreamingPull after another, for as long as the worker takes messages."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from rookery.worker.errors import MisconfiguredError
from rookery.worker.pull.errors import PullCallError
from rookery.worker.pull.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rookery.worker.pull.channel import SubscriberChannel
    from rookery.worker.pull.leases import DeliveryLeases

log: Final = logging.getLogger(__name__)

OPEN_SECONDS: Final = 1.0
"""A stream that has not failed for so long is open: Pub/Sub says nothing on it before there is a message."""

START_SECONDS: Final = 10.0
"""How long a silent stream counts as the start, in which a refusal means that the configuration is wrong."""

FAILING_STREAMS: Final = 3
"""Streams that end one after the other without being open until the worker is not ready: Pub/Sub ends each after some minutes."""

_HINTS: Final = {
    "NOT_FOUND": "the subscription is needed: rookery setup or gcloud pubsub subscriptions create makes it",
    "PERMISSION_DENIED": "the worker's account needs roles/pubsub.subscriber on it",
    "FAILED_PRECONDITION": "a subscription without a push endpoint is needed",
}


class PullStream:
    """Reads streams and hands on what they bring; a stream that ends is opened again with backoff."""

    def __init__(
        self,
        channel: SubscriberChannel,
        leases: DeliveryLeases,
        take: Callable[[Sequence[Any]], None],
        *,
        opened: Callable[[], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """Store the parts; `opened` is called once, when the first stream is open, and `ended` for each that ends."""
        self._channel = channel
        self._leases = leases
        self._take = take
        self._opened = opened
        self._ended = ended
        self._delay = RetryDelay(0.1, 30.0)
        self._works = False
        self._failures = 0
        self.reason: str | None = None
        """Why no messages arrive; None where the stream is open."""

    async def run(self) -> None:
        """Read until cancelled; raises MisconfiguredError where Pub/Sub refuses the subscription at the start."""
        while True:
            began = time.monotonic()
            try:
                await self._read()
            except PullCallError as error:
                works = self._works or time.monotonic() - began > START_SECONDS
                if not works and not error.transient:
                    raise MisconfiguredError(_sentence(self._channel.subscription, error)) from None
                self._failed(error)
            except Exception:
                log.exception("failed to read the stream")
            await asyncio.sleep(self._delay.next())

    async def _read(self) -> None:
        silent = asyncio.get_running_loop().call_later(OPEN_SECONDS, self._open)
        leases = self._leases
        responses = self._channel.stream(
            seconds=leases.seconds, most_messages=leases.most_messages, most_bytes=leases.most_bytes
        )
        try:
            async with aclosing(responses):
                async for messages in responses:
                    self._works = True
                    self._open()
                    self._take(messages)
                    await leases.capacity()
        finally:
            silent.cancel()

    def _open(self) -> None:
        if self._failures:
            log.info("the stream is open again")
        self._failures, self.reason = 0, None
        self._delay.reset()
        opened, self._opened = self._opened, _nothing
        opened()

    def _failed(self, error: PullCallError) -> None:
        self._failures += 1
        self._ended()
        if self._failures == 1:
            log.warning("the stream ended and is opened again: %s", error)
        elif self._failures >= FAILING_STREAMS and self.reason is None:
            log.error("not ready: cannot pull from %s: %s", self._channel.subscription, error)
            self.reason = f"cannot pull from {self._channel.subscription}: {error}"


def _nothing() -> None:
    """Do nothing."""


def _sentence(subscription: str, error: PullCallError) -> str:
    hint = _HINTS.get(error.code)
    return f"ROOKERY_PULL={subscription}: {error}" + (f" ({hint})" if hint else "")
