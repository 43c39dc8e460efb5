"""SubscriberChannel: Pub/Sub's Subscriber service over grpc.aio, with plain protocol buffers.

Google's client wraps each message in proto-plus, which costs several times as much as the message. Nothing of Google's
is imported before `open`, so that a worker without pull needs neither the package nor the third of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.output.extras import install_hint
from rookery.worker.errors import MisconfiguredError
from rookery.worker.pull.errors import PullCallError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

EMULATOR: Final = "PUBSUB_EMULATOR_HOST"

CALL_SECONDS: Final = 5.0
"""Time for one request of acknowledgements or leases."""

HEARTBEAT_SECONDS: Final = 30.0
"""From one empty request of an open stream to the next, as Google's own client sends them: proxies end silent streams."""

_STATUS: Final = "grpc-status-details-bin"
_ACK_ID_FAILURE: Final = "EXACTLY_ONCE_ACKID_FAILURE"
_SERVICE: Final = "/google.pubsub.v1.Subscriber"
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
)


class SubscriberChannel:
    """One connection to Pub/Sub for one subscription. PUBSUB_EMULATOR_HOST is honoured."""

    def __init__(self, subscription: str) -> None:
        """Store the full name of the subscription."""
        self.subscription = subscription
        self._channel: Any = None
        self._requests: Any = None
        self._routing: Any = None
        self._calls: dict[str, Any] = {}

    async def open(self) -> None:
        """Make the connection; raises MisconfiguredError without the packages or credentials. Nothing is sent yet."""
        try:
            await asyncio.to_thread(_load)
        except ModuleNotFoundError as error:
            raise MisconfiguredError(f"ROOKERY_PULL needs {error.name}: {install_hint(error.name)}") from None
        from google.api_core.gapic_v1.routing_header import to_grpc_metadata  # noqa: PLC0415  see above
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  the same
        from google.protobuf.empty_pb2 import Empty  # noqa: PLC0415  the same
        from google.pubsub_v1 import types  # noqa: PLC0415  the same

        try:
            self._channel = _channel()
        except GoogleAuthError as error:
            raise MisconfiguredError(f"ROOKERY_PULL={self.subscription}: {error}") from None
        self._requests = types
        self._routing = (to_grpc_metadata({"subscription": self.subscription}),)  # type: ignore[no-untyped-call]  # it ships no types
        for name, kind in (
            ("Acknowledge", types.AcknowledgeRequest),
            ("ModifyAckDeadline", types.ModifyAckDeadlineRequest),
        ):
            self._calls[name] = self._channel.unary_unary(
                f"{_SERVICE}/{name}",
                request_serializer=kind.pb().SerializeToString,
                response_deserializer=Empty.FromString,
            )
        self._calls["StreamingPull"] = self._channel.stream_stream(
            f"{_SERVICE}/StreamingPull",
            request_serializer=types.StreamingPullRequest.pb().SerializeToString,
            response_deserializer=types.StreamingPullResponse.pb().FromString,
        )

    async def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Acknowledge deliveries; raises PullCallError."""
        request = self._requests.AcknowledgeRequest.pb()
        await self._unary("Acknowledge", request(subscription=self.subscription, ack_ids=ack_ids))

    async def modify_deadline(self, ack_ids: Sequence[str], seconds: int) -> None:
        """Let deliveries last `seconds` from now; 0 nacks them. Raises PullCallError."""
        request = self._requests.ModifyAckDeadlineRequest.pb()
        await self._unary(
            "ModifyAckDeadline",
            request(subscription=self.subscription, ack_ids=ack_ids, ack_deadline_seconds=seconds),
        )

    async def nack(self, ack_ids: Sequence[str]) -> None:
        """Return deliveries for redelivery; raises PullCallError."""
        await self.modify_deadline(ack_ids, 0)

    async def stream(
        self, *, seconds: int, most_messages: int, most_bytes: int
    ) -> AsyncGenerator[Sequence[Any], None]:
        """Yield ReceivedMessage protocol buffers as Pub/Sub sends them, until PullCallError says how the stream ended.

        A delivery lasts `seconds`; Pub/Sub sends no more than the bounds before some are acknowledged or nacked.
        """
        from grpc.aio import EOF, AioRpcError  # noqa: PLC0415  loaded only where it is used

        request = self._requests.StreamingPullRequest.pb()
        first = request(
            subscription=self.subscription,
            stream_ack_deadline_seconds=seconds,
            max_outstanding_messages=most_messages,
            max_outstanding_bytes=most_bytes,
        )
        call = self._calls["StreamingPull"](metadata=self._routing)
        heartbeat = asyncio.create_task(_write(call, first, request()), name="pull heartbeat")
        try:
            while (response := await call.read()) is not EOF:
                yield response.received_messages
            raise PullCallError("OK", "Pub/Sub closed the stream")
        except AioRpcError as error:
            raise _failure(error) from None
        finally:
            heartbeat.cancel()
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heartbeat

    async def close(self) -> None:
        """Close the connection, and with it every call."""
        if self._channel is not None:
            await self._channel.close()

    async def _unary(self, name: str, request: Any) -> None:
        from grpc.aio import AioRpcError  # noqa: PLC0415  loaded only where it is used

        try:
            await self._calls[name](request, metadata=self._routing, timeout=CALL_SECONDS)
        except AioRpcError as error:
            raise _failure(error) from None


async def _write(call: Any, first: Any, empty: Any) -> None:
    """Send the request that opens a stream, and then heartbeats; the reader learns from its status when it ends."""
    from grpc.aio import AioRpcError  # noqa: PLC0415  loaded only where it is used

    with contextlib.suppress(AioRpcError, asyncio.InvalidStateError):
        await call.write(first)
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await call.write(empty)


def _failure(error: Any) -> PullCallError:
    return PullCallError(error.code().name, error.details() or "no details", _failures(error))


def _failures(error: Any) -> dict[str, str]:
    """Read the reasons of single ack ids from the status in an error's trailers."""
    from google.rpc.error_details_pb2 import ErrorInfo  # noqa: PLC0415  loaded only where it is used
    from google.rpc.status_pb2 import Status  # noqa: PLC0415  the same

    failures: dict[str, str] = {}
    for name, value in error.trailing_metadata() or ():
        if name == _STATUS:
            for detail in Status.FromString(value).details:
                info = ErrorInfo()
                if detail.Unpack(info) and info.reason == _ACK_ID_FAILURE:
                    failures |= info.metadata
    return failures


def _load() -> None:
    import google.pubsub_v1  # noqa: F401, PLC0415  a third of a second, better spent in a thread


def _channel() -> Any:
    import grpc.aio  # noqa: PLC0415  loaded only where it is used
    from google.pubsub_v1.services.subscriber.transports import (  # noqa: PLC0415  the same
        SubscriberGrpcAsyncIOTransport,
    )

    if emulator := os.environ.get(EMULATOR):
        return grpc.aio.insecure_channel(emulator, options=_OPTIONS)
    return SubscriberGrpcAsyncIOTransport().grpc_channel
