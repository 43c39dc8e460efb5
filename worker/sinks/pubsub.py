"""PubSubSink: every line a message on a Pub/Sub topic."""

from __future__ import annotations

import asyncio
import os
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import orjson

from rookery.schemas.contract.contract import RESERVED
from rookery.worker.encoding.fixed_width import size_of
from rookery.worker.sinks.protocol import SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from google.pubsub_v1 import PublisherAsyncClient
    from google.pubsub_v1.types import PubsubMessage

    from rookery.worker.sinks.protocol import LineBlock

EMULATOR: Final = "PUBSUB_EMULATOR_HOST"
MOST_MESSAGES: Final = 1_000
MOST_BYTES: Final = 9_500_000
"""Pub/Sub's 10,000,000 bytes of one request, less those that frame the messages."""

CUT: Final = "original_cut"
"""The attribute of a rejection whose original was too long for a message: it says how many characters are missing."""

_SHORT_LINES: Final = 512
_SHORT_BYTES: Final = 512 * 1024
"""Up to so many lines of so many bytes become messages on the event loop."""

_AT_ONCE: Final = 8
"""Requests of one block that are in flight: with all of them at once, a block would be in memory a third time."""

_ATTRIBUTE_BYTES: Final = 1_024
PERMISSION: Final = "pubsub.topics.publish"

ATTRIBUTES: Final = frozenset({"model", "reading_id", "revision"})
_ATTEMPTS: Final = 3


class PubSubSink:
    """Publishes a block with as few requests as Pub/Sub's limits allow, some of them at once.

    A message's attributes are the answer (under the name of the contract's target), `model` and `reading_id` (of a rejection
    `reading_id` and `revision`), and the trace context that the reading came with. PUBSUB_EMULATOR_HOST is honoured.
    """

    def __init__(self, topic: str, *, write_timeout_seconds: float) -> None:
        """Store the full name of the topic, and how long one request may take with all its retries."""
        self._topic = topic
        self._write_timeout_seconds = write_timeout_seconds
        self._client: PublisherAsyncClient | None = None

    async def open(self) -> None:
        """Make the client; raises SinkUnavailableError without credentials. Nothing is sent before the first block."""
        await asyncio.to_thread(_load)
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  loaded only where it is used

        try:
            self._client = _client()
        except GoogleAuthError as error:
            raise SinkUnavailableError(f"{self._topic}: {error}") from error

    async def write(self, block: LineBlock) -> None:
        """Return when Pub/Sub has every line; raises SinkUnavailableError."""
        requests = requests_of(_messages(block))
        turn = asyncio.Lock()
        short = len(block.lines) <= _SHORT_LINES and size_of(block.lines) <= _SHORT_BYTES
        unavailable: Exception | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(self._publish_all(requests, turn, short=short))
        except* SinkUnavailableError as errors:
            unavailable = errors.exceptions[0]
        # Not in there: before Python 3.11.4 what is raised there becomes a group.
        if unavailable is not None:
            raise unavailable from None

    async def probe(self) -> None:
        """Ask whether we may publish, as nothing can be published and taken back; raises SinkUnavailableError."""
        from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415  loaded only where it is used

        try:
            async with asyncio.timeout(self._write_timeout_seconds):
                allowed = await self._allowed()
        except TimeoutError:
            raise SinkUnavailableError(
                f"{self._topic}: no answer within {self._write_timeout_seconds:g} s"
            ) from None
        except GoogleAPIError as error:
            raise SinkUnavailableError(f"{self._topic}: {error}") from error
        if not allowed:
            raise SinkUnavailableError(f"{self._topic}: it is not there, or {PERMISSION} is missing")

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.transport.close()  # type: ignore[no-untyped-call]  # generated code

    async def _publish_all(
        self, requests: Iterator[list[PubsubMessage]], turn: asyncio.Lock, *, short: bool
    ) -> None:
        """Publish request after request until there are none; those of a long block are made in threads."""
        while True:
            async with turn:
                messages = next(requests, None) if short else await asyncio.to_thread(next, requests, None)
            if messages is None:
                return
            try:
                async with asyncio.timeout(self._write_timeout_seconds):
                    await self._publish(messages)
            except TimeoutError:
                raise SinkUnavailableError(
                    f"{self._topic}: no answer within {self._write_timeout_seconds:g} s"
                ) from None

    async def _publish(self, messages: list[PubsubMessage]) -> None:
        from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415  loaded only where it is used

        try:
            await self._opened().publish(
                topic=self._topic, messages=messages, **_call(self._write_timeout_seconds)
            )
        except GoogleAPIError as error:
            raise SinkUnavailableError(f"{self._topic}: {error}") from error

    async def _allowed(self) -> bool:
        from google.api_core.exceptions import MethodNotImplemented  # noqa: PLC0415  loaded only where it is used

        asked = {"resource": self._topic, "permissions": [PERMISSION]}
        call = _call(self._write_timeout_seconds)
        try:
            answer = await self._opened().test_iam_permissions(asked, **call)
        except MethodNotImplemented:
            # Brokers for tests know no permissions, but they know their topics.
            await self._opened().get_topic(topic=self._topic, **call)
            return True
        return PERMISSION in answer.permissions

    def _opened(self) -> PublisherAsyncClient:
        if self._client is None:
            raise SinkUnavailableError(f"{self._topic}: not open")
        return self._client


def requests_of(messages: Iterable[PubsubMessage]) -> Iterator[list[PubsubMessage]]:
    """Share out messages over as few requests as Pub/Sub's limits of number and bytes allow, in their order."""
    request: list[PubsubMessage] = []
    size = 0
    for message in messages:
        weight = _size(message)
        if request and (len(request) == MOST_MESSAGES or size + weight > MOST_BYTES):
            yield request
            request, size = [], 0
        request.append(message)
        size += weight
    if request:
        yield request


def _messages(block: LineBlock) -> Iterator[PubsubMessage]:
    from google.pubsub_v1.types import PubsubMessage  # noqa: PLC0415  loaded only where it is used

    traces: Iterable[Mapping[str, str]] = block.traces or repeat({}, len(block.lines))
    for line, trace in zip(block.lines, traces, strict=True):
        data, attributes = _fitting(line.rstrip(b"\n"))
        yield PubsubMessage(data=data, attributes={**attributes, **trace})


def _fitting(line: bytes) -> tuple[bytes, dict[str, str]]:
    """A line with its attributes; a rejection longer than a message may be is cut in what it repeats of its message."""
    said: dict[str, Any] = orjson.loads(line)
    attributes = {
        name: value
        for name, value in said.items()
        # The target is the one field of a line that has no name of its own.
        if (name in ATTRIBUTES or name not in RESERVED)
        and isinstance(value, str)
        and len(value.encode()) <= _ATTRIBUTE_BYTES
    }
    excess = len(line) - MOST_BYTES + 10_000
    if excess <= 0 or not isinstance(said.get("original"), str):
        return line, attributes
    if len(said["original"]) < excess:
        # Attributes so long come from no Pub/Sub.
        said["attributes"] = None
    said["original"] = said["original"][:-excess]
    return orjson.dumps(said), {**attributes, CUT: str(excess)}


def _size(message: PubsubMessage) -> int:
    size: int = type(message).pb(message).ByteSize()
    return size + 5


def _load() -> None:
    import google.pubsub_v1  # noqa: F401, PLC0415  a third of a second, better spent in a thread


def _client() -> PublisherAsyncClient:
    import grpc.aio  # noqa: PLC0415  loaded only where it is used
    from google.pubsub_v1 import PublisherAsyncClient  # noqa: PLC0415  the same
    from google.pubsub_v1.services.publisher.transports import (  # noqa: PLC0415  the same
        PublisherGrpcAsyncIOTransport,
    )

    emulator = os.environ.get(EMULATOR)
    if not emulator:
        return PublisherAsyncClient()
    channel = grpc.aio.insecure_channel(emulator)
    return PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))


def _call(seconds: float) -> dict[str, Any]:
    """Retry and timeouts of one request: its own default would hang on for ten minutes."""
    from google.api_core import exceptions  # noqa: PLC0415  loaded only where it is used
    from google.api_core.retry import AsyncRetry, if_exception_type  # noqa: PLC0415  the same

    transient = if_exception_type(
        exceptions.Aborted,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.ServiceUnavailable,
        exceptions.Unknown,
    )
    return {
        "timeout": seconds / _ATTEMPTS,
        "retry": AsyncRetry(predicate=transient, initial=0.05, maximum=1.0, multiplier=2.0, timeout=seconds),
    }
