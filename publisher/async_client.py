"""AsyncReadingPublisher: the library's face for asyncio; the loop is never held up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from rookery.publisher.client import ReadingPublisher

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rookery.publisher.outbox.store import Outbox
    from rookery.publisher.receipt import Receipt
    from rookery.publisher.settings import PublisherSettings
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.reading_classes import AnyReading, AnyTable


class AsyncReadingPublisher:
    """A ReadingPublisher whose waiting is awaited.

    A receipt of it can be awaited too::

        async with AsyncReadingPublisher("projects/p/topics/readings", outbox="readings.db") as publisher:
            receipt = await publisher.publish(Reading(body_mass_g=3750))
            message_id = await receipt

    The event loop waits for no disk and no network.
    """

    def __init__(
        self,
        topic: str,
        *,
        settings: PublisherSettings | None = None,
        outbox: Outbox | Path | str | None = None,
        contract: Contract | Path | str | None = None,
    ) -> None:
        self._publisher = ReadingPublisher(topic, settings=settings, outbox=outbox, contract=contract)

    async def open(self) -> Self:
        """Open as `ReadingPublisher.open` does; the loop waits for no disk."""
        await asyncio.to_thread(self._publisher.open)
        return self

    async def publish(
        self, readings: AnyReading | AnyTable | Mapping[str, Any], **attributes: str
    ) -> Receipt:
        """Send, or with an outbox store, a reading or a table; raises as `ReadingPublisher.publish` does."""
        return await asyncio.to_thread(self._publisher.publish, readings, **attributes)

    async def flush(self) -> None:
        """Wait as `ReadingPublisher.flush` does."""
        await asyncio.to_thread(self._publisher.flush)

    async def close(self) -> None:
        """Close as `ReadingPublisher.close` does."""
        await asyncio.to_thread(self._publisher.close)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()
