"""PubSubTransport: Google's publisher over gRPC, made to block, to give up in time, and to say why."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

import grpc
from google.api_core import exceptions as api
from google.api_core import retry as api_retry
from google.auth import exceptions as auth
from google.cloud.pubsub_v1 import PublisherClient, types  # type: ignore[import-untyped]  # it ships no types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from rookery.publisher.errors import (
    ClosedError,
    NoSuchTopicError,
    NotAllowedError,
    PublishError,
    RefusedError,
    UnansweredError,
    UnreachableError,
)
from rookery.publisher.transports.forks import ForkAware

if TYPE_CHECKING:
    from rookery.publisher.message import OutgoingMessage
    from rookery.publisher.settings import PublisherSettings

_PASSING: Final = (
    api.Aborted,
    api.Cancelled,
    api.DeadlineExceeded,
    api.InternalServerError,
    api.ResourceExhausted,
    api.ServiceUnavailable,
    api.Unknown,
)
"""What Google's own publish method tries again."""

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


class PubSubTransport(ForkAware):
    """One topic over google-cloud-pubsub, whose client is made with the first use."""

    def __init__(self, topic: str, settings: PublisherSettings) -> None:
        self._topic = topic
        self._settings = settings
        self._broker = settings.address(topic)
        self._parents: PublisherClient | None = None
        self._client: PublisherClient | None = None
        self._closed = False
        # Held while a client is made: a second one would keep what it was handed when the first is closed.
        self._connecting = threading.Lock()
        super().__init__()

    def before_fork(self) -> None:
        """Wait for a client that is being made: half of one would stay in the child."""
        self._connecting.acquire()

    def after_fork_in_parent(self) -> None:
        """Let the other threads go on."""
        self._connecting.release()

    def after_fork_in_child(self) -> None:
        """Leave the channel to the parent. It is kept, for closing it here would wait for threads that are not here."""
        self._parents, self._client = self._parents or self._client, None
        self._connecting = threading.Lock()

    @property
    def address(self) -> str:
        """HOST:PORT of the broker, or of Google's endpoint, which its client knows."""
        return self._broker or str((self._client or self._connected()).target)

    def _connect(self) -> PublisherClient:
        try:
            return PublisherClient(
                batch_settings=_batches(self._settings),
                publisher_options=_options(self._settings),
                transport=None if self._broker is None else _insecure(self._broker),
            )
        except auth.GoogleAuthError as error:
            raise NotAllowedError(str(error)) from error

    def _connected(self) -> PublisherClient:
        with self._connecting:
            if self._closed:
                raise ClosedError("the publisher is closed")
            if self._client is None:
                self._client = self._connect()
            return self._client

    def reach(self, timeout_s: float) -> None:
        """Wait until the channel is ready; raises UnreachableError."""
        ready = grpc.channel_ready_future(self._connected().transport.grpc_channel)
        try:
            ready.result(timeout=timeout_s)
        except grpc.FutureTimeoutError:
            ready.cancel()
            raise UnreachableError(self.address, timeout_s) from None

    def send(self, message: OutgoingMessage) -> Future[str]:
        """Hand a message to Google's client; blocks while too much is in flight."""
        answer: Future[str] = Future()
        try:
            sent = self._connected().publish(self._topic, message.payload, **message.attributes)
        except RuntimeError as error:
            raise ClosedError("the publisher is closed") from error
        sent.add_done_callback(lambda done: self._settle(done, answer))
        return answer

    def _settle(self, done: Future[str], answer: Future[str]) -> None:
        error = done.exception()
        if error is None:
            answer.set_result(done.result())
        else:
            answer.set_exception(self._explain(error))

    def _explain(self, error: BaseException) -> PublishError:
        match error:
            case api.NotFound():
                return NoSuchTopicError(self._topic, self.address)
            case api.PermissionDenied() | api.Unauthenticated() | auth.GoogleAuthError():
                return NotAllowedError(str(error))
            case api.RetryError(cause=api.ServiceUnavailable()) | api.ServiceUnavailable():
                return UnreachableError(self.address, self._settings.give_up_s)
            case api.RetryError() | api.DeadlineExceeded():
                waited = f"no answer from {self.address} in {self._settings.give_up_s:g} s"
                return UnansweredError(f"{waited}: {getattr(error, 'cause', error)}")
        return RefusedError(f"{self.address} refused: {error}")

    def close(self) -> None:
        """Stop Google's client and close its channel."""
        with self._connecting:
            self._closed = True
        if self._client is not None:
            self._client.stop()
            self._client.transport.close()


def _insecure(broker: str) -> PublisherGrpcTransport:
    return PublisherGrpcTransport(host=broker, channel=grpc.insecure_channel(broker))


def _batches(settings: PublisherSettings) -> types.BatchSettings:
    return types.BatchSettings(
        max_messages=settings.batch_messages,
        max_bytes=settings.batch_bytes,
        max_latency=settings.batch_wait_s,
    )


def _options(settings: PublisherSettings) -> types.PublisherOptions:
    """Block at the limits (the default ignores them), and bound both the attempt and the whole."""
    return types.PublisherOptions(
        flow_control=types.PublishFlowControl(
            message_limit=settings.in_flight_messages,
            byte_limit=settings.in_flight_bytes,
            limit_exceeded_behavior=types.LimitExceededBehavior.BLOCK,
        ),
        retry=api_retry.Retry(
            predicate=api_retry.if_exception_type(*_PASSING),
            initial=_FIRST_PAUSE_S,
            maximum=_LONGEST_PAUSE_S,
            timeout=settings.give_up_s,
        ),
        timeout=settings.attempt_s,
        enable_open_telemetry_tracing=settings.tracing,
    )
