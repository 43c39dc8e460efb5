"""RestTransport: Pub/Sub over plain HTTP with requests; what a small device installs instead of grpc."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import requests

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
from rookery.schemas.output.extras import install_hint

if TYPE_CHECKING:
    from rookery.publisher.message import OutgoingMessage
    from rookery.publisher.settings import PublisherSettings

GOOGLE: Final = "pubsub.googleapis.com"
SCOPE: Final = "https://www.googleapis.com/auth/pubsub"

_OK: Final = 200
_NOT_FOUND: Final = 404
_NOT_ALLOWED: Final = (401, 403)
_PASSING: Final = (408, 429, 500, 502, 503, 504)
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_CLOSE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class _PendingRequest:
    message: OutgoingMessage
    answer: Future[str] = field(default_factory=Future)

    @property
    def size(self) -> int:
        return len(self.message.payload)


class RestTransport(ForkAware):
    """One topic over REST, one request at a time, in a thread that the first message starts."""

    def __init__(self, topic: str, settings: PublisherSettings) -> None:
        self._topic = topic
        self._settings = settings
        self._broker = settings.address(topic)
        self.address = self._broker or GOOGLE
        self._url = f"http://{self._broker}/v1/" if self._broker else f"https://{GOOGLE}/v1/"
        self._parents: requests.Session | None = None
        self._closed = False
        self._clear()
        super().__init__()

    def after_fork_in_child(self) -> None:
        """Leave queue and connections to the parent. They are kept, for closing them takes locks that it may hold."""
        self._parents = self._parents or self._session
        self._clear()

    def _clear(self) -> None:
        self._changed = threading.Condition()
        self._queue = deque[_PendingRequest]()
        self._held = self._held_bytes = 0
        self._session: requests.Session | None = None
        self._thread: threading.Thread | None = None

    def _connected(self) -> requests.Session:
        """The session, made with the thread that uses it at the first use, and anew in a forked child."""
        if self._session is None:
            self._session = requests.Session() if self._broker else _google_session()
            self._thread = threading.Thread(target=self._run, name="rest-publisher", daemon=True)
            self._thread.start()
        return self._session

    def reach(self, timeout_s: float) -> None:
        """Wait until the address answers; raises UnreachableError. Any answer will do."""
        until = time.monotonic() + timeout_s
        with self._changed:
            session = self._connected()
        while True:
            try:
                session.get(self._url.removesuffix("v1/"), timeout=max(0.1, until - time.monotonic()))
            except requests.RequestException:
                if time.monotonic() >= until:
                    raise UnreachableError(self.address, timeout_s) from None
                time.sleep(_FIRST_PAUSE_S)
            else:
                return

    def send(self, message: OutgoingMessage) -> Future[str]:
        """Take a message; blocks while too much is in flight."""
        waiting = _PendingRequest(message)
        with self._changed:
            while not self._closed and self._full(waiting.size):
                self._changed.wait()
            if self._closed:
                raise ClosedError("the publisher is closed")
            self._connected()
            self._queue.append(waiting)
            self._held += 1
            self._held_bytes += waiting.size
            if self._held == 1 or self._whole():
                self._changed.notify_all()
        return waiting.answer

    def close(self) -> None:
        """End the thread after its request; what has no answer yet is given up."""
        with self._changed:
            self._closed = True
            left, self._queue = self._queue, deque()
            self._changed.notify_all()
        for each in left:
            each.answer.set_exception(ClosedError("the publisher was closed before it was sent"))
        # It may be waiting for an answer that never comes.
        if self._thread is not None and self._session is not None:
            self._thread.join(_CLOSE_S)
            self._session.close()

    def _full(self, size: int) -> bool:
        settings = self._settings
        return self._held > 0 and (
            self._held >= settings.in_flight_messages or self._held_bytes + size > settings.in_flight_bytes
        )

    def _whole(self) -> bool:
        """Whether a batch need not wait for more; while none is in flight, all that is held is waiting."""
        settings = self._settings
        most = min(settings.batch_messages, settings.in_flight_messages)
        return self._closed or self._held >= most or self._held_bytes >= settings.batch_bytes

    def _run(self) -> None:
        while batch := self._batch():
            try:
                ids = self._publish([each.message for each in batch])
            except PublishError as error:
                for each in batch:
                    each.answer.set_exception(error)
            else:
                for each, message_id in zip(batch, ids, strict=True):
                    each.answer.set_result(message_id)
            with self._changed:
                self._held -= len(batch)
                self._held_bytes -= sum(each.size for each in batch)
                self._changed.notify_all()

    def _batch(self) -> list[_PendingRequest]:
        """Wait for messages, and a moment for company; empty once closed."""
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            self._changed.wait_for(self._whole, self._settings.batch_wait_s)
            batch, size = list[_PendingRequest](), 0
            while self._queue and len(batch) < self._settings.batch_messages:
                size += self._queue[0].size
                if batch and size > self._settings.batch_bytes:
                    break
                batch.append(self._queue.popleft())
            return batch

    def _publish(self, messages: list[OutgoingMessage]) -> list[str]:
        body = {"messages": [_written(message) for message in messages]}
        until = time.monotonic() + self._settings.give_up_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return self._post(body, len(messages))
            except _TransientError as error:
                if self._closed or time.monotonic() + pause_s > until:
                    raise error.final from error
            with self._changed:
                self._changed.wait_for(lambda: self._closed, pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _post(self, body: dict[str, Any], count: int) -> list[str]:
        url, waited = f"{self._url}{self._topic}:publish", self._settings.give_up_s
        try:
            answer = self._connected().post(url, json=body, timeout=self._settings.attempt_s)
        except requests.ConnectionError as error:
            raise _TransientError(UnreachableError(self.address, waited)) from error
        except requests.RequestException as error:
            raise _TransientError(UnansweredError(f"no answer from {self.address}: {error}")) from error
        if answer.status_code == _NOT_FOUND:
            raise NoSuchTopicError(self._topic, self.address)
        if answer.status_code in _NOT_ALLOWED:
            raise NotAllowedError(f"{self.address}: {_said(answer)}")
        if answer.status_code in _PASSING:
            said = f"no answer from {self.address} in {waited:g} s: {_said(answer)}"
            raise _TransientError(UnansweredError(said))
        ids = answer.json().get("messageIds", []) if answer.status_code == _OK else []
        if len(ids) != count:
            raise RefusedError(f"{self.address} refused: {_said(answer)}")
        return [str(each) for each in ids]


class _TransientError(Exception):
    """Worth another attempt; `final` is what it is when time is up."""

    def __init__(self, final: PublishError) -> None:
        super().__init__(str(final))
        self.final = final


def _written(message: OutgoingMessage) -> dict[str, Any]:
    return {"data": b64encode(message.payload).decode(), "attributes": dict(message.attributes)}


def _said(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"


def _google_session() -> requests.Session:
    try:
        import google.auth  # noqa: PLC0415  only Google's own Pub/Sub needs it
        from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415  the same
    except ModuleNotFoundError as error:
        raise NotAllowedError(
            f"google-auth is needed for Google's Pub/Sub: {install_hint(error.name)}"
        ) from error
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except google.auth.exceptions.GoogleAuthError as error:
        raise NotAllowedError(str(error)) from error
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # google-auth is half typed
