"""FanOut: several sinks as one; a block is durable when it is durable in all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rookery.worker.sinks.protocol import SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.worker.sinks.protocol import LineBlock, Sink


class FanOut:
    """Writes to every sink at once. A block that one sink refuses is redelivered, and the others skip it by its key."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        """Store the sinks, one at least."""
        self._sinks = sinks

    async def write(self, block: LineBlock) -> None:
        """Return when every sink has the block; raises SinkUnavailableError with what each of the others said."""
        outcomes = await asyncio.gather(*(sink.write(block) for sink in self._sinks), return_exceptions=True)
        failed = [each for each in outcomes if each is not None]
        for each in failed:
            if not isinstance(each, SinkUnavailableError):
                raise each
        if failed:
            raise SinkUnavailableError("; ".join(str(each) for each in failed))

    async def close(self) -> None:
        """Nothing: each sink is closed by its opener."""
