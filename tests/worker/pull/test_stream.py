"""The stream over a channel that ends on purpose: what is tried again, what ends the worker, and what readiness says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from rookery.worker.errors import MisconfiguredError
from rookery.worker.pull import stream as module
from rookery.worker.pull.errors import PullCallError
from rookery.worker.pull.leases import DeliveryLeases
from rookery.worker.pull.retry_delay import RetryDelay
from rookery.worker.pull.stream import FAILING_STREAMS, PullStream
from tests.worker.pull.conftest import pull_metrics

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence


class EndingChannel:
    """Each stream brings one response or ends with the next of `codes`; then it stays open."""

    subscription = "projects/p/subscriptions/s"

    def __init__(self, *codes: str) -> None:
        self._codes = list(codes)
        self.stays_open = asyncio.Event()

    async def stream(self, **_: int) -> AsyncGenerator[Sequence[Any], None]:
        if not self._codes:
            yield ["message"]
            self.stays_open.set()
            await asyncio.Event().wait()
        code = self._codes.pop(0)
        if code == "brings":
            yield ["message"]
            code = self._codes.pop(0)
        raise PullCallError(code, "on purpose")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams are opened again after milliseconds."""
    monkeypatch.setattr(module, "RetryDelay", lambda *_: RetryDelay(0.001, 0.002))


def over(channel: Any, taken: list[Any], opened: list[int]) -> PullStream:
    leases = DeliveryLeases(channel, pull_metrics(), seconds=10, most_messages=10, most_bytes=10)
    return PullStream(channel, leases, taken.extend, opened=lambda: opened.append(1))


async def run_until_open(stream: PullStream, channel: EndingChannel) -> None:
    running = asyncio.create_task(stream.run())
    await channel.stays_open.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_stream_that_ends_is_opened_again() -> None:
    """After every kind of end; the worker is ready once, with the first open stream, and again after failures."""
    channel = EndingChannel("brings", "UNAVAILABLE", *["UNAVAILABLE"] * FAILING_STREAMS, "OK")
    taken: list[Any] = []
    opened: list[int] = []
    stream = over(channel, taken, opened)
    await run_until_open(stream, channel)
    assert taken == ["message", "message"]
    assert opened == [1]
    assert stream.reason is None


async def test_readiness_names_the_error_of_streams_that_fail_again_and_again() -> None:
    """One end of a stream is usual; several in a row without an open one are not."""
    channel = EndingChannel(*["UNAVAILABLE"] * 50)
    stream = over(channel, [], [])
    running = asyncio.create_task(stream.run())
    while stream.reason is None:  # noqa: ASYNC110  only turns of the loop are waited for
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert stream.reason == "cannot pull from projects/p/subscriptions/s: UNAVAILABLE: on purpose"


async def test_a_refusal_is_fatal_at_the_start_alone() -> None:
    """A subscription that worked is tried again: permissions come back, and a restart would not help."""
    with pytest.raises(MisconfiguredError, match=r"roles/pubsub\.subscriber"):
        await over(EndingChannel("UNAVAILABLE", "PERMISSION_DENIED"), [], []).run()
    channel = EndingChannel("brings", "PERMISSION_DENIED")
    await run_until_open(over(channel, [], []), channel)
