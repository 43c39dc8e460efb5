"""OutboxSender: one thread that brings an outbox's messages to Pub/Sub whenever there is a link.

Of all processes that share an outbox one sends at a time: it holds a lock that the operating system takes
back when the process ends, however it ends. So no clock, lease or process id decides who may send.
"""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from rookery.publisher.errors import PublishError, RefusedError, StillStoredError, UnansweredError
from rookery.publisher.outbox.sender_lock import SenderLock
from rookery.publisher.transports.forks import ForkAware

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rookery.publisher.message import OutgoingMessage
    from rookery.publisher.outbox.store import Outbox, StoredReading
    from rookery.publisher.transports.protocol import Transport

SENT_ELSEWHERE: Final = ""
"""The message id of a message that another process has sent."""

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
LINGER_S: Final = 5.0
"""How long `close` lets a working link finish."""

_LOOK_EVERY_S: Final = 1.0
_GLANCE_S: Final = 0.2


class OutboxSender(ForkAware):
    """Stores and sends; `connect` gives the transport when the first message leaves, and may raise PublishError."""

    def __init__(
        self,
        outbox: Outbox,
        connect: Callable[[], Transport],
        *,
        patience_s: float = 60.0,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._outbox = outbox
        self._connect = connect
        self._patience_s = patience_s
        self._first_pause_s = first_pause_s
        self._lock = SenderLock(outbox.path)
        self._closing = False
        self._clear()
        super().__init__()

    def after_fork_in_child(self) -> None:
        """Begin anew with the next message: what was sent or is waited for is the parent's."""
        self._clear()

    def _clear(self) -> None:
        self._changed = threading.Condition()
        self._answers: dict[int, Future[str]] = {}
        # Sent and not forgotten yet: a full disk must not have them sent again and again.
        self._owed: dict[int, str] = {}
        self._thread: threading.Thread | None = None
        self._last_error: PublishError | None = None

    def store(self, message: OutgoingMessage, *, rows: int = 1) -> Future[str]:
        """Keep a message on the disk; its future gives the message id once it was sent, SENT_ELSEWHERE or an error."""
        answer: Future[str] = Future()
        with self._changed:
            # Under the lock, so that no answer comes before its future is registered.
            number = self._outbox.store(message, rows=rows)
            self._answers[number] = answer
            self._start()
            self._changed.notify_all()
        return answer

    def start(self) -> None:
        """Send what an earlier process left."""
        with self._changed:
            self._start()

    def flush(self, timeout_s: float) -> None:
        """Wait until the outbox is empty but for what was refused; raises StillStoredError."""
        until = time.monotonic() + timeout_s
        with self._changed:
            self._start()
            while left := self._left():
                wait_s = until - time.monotonic()
                if wait_s <= 0:
                    raise StillStoredError(left, self._last_error)
                self._changed.wait(min(wait_s, _LOOK_EVERY_S))

    def close(self, linger_s: float = LINGER_S) -> None:
        """Let a working link finish for a while, then end; what is stored stays stored."""
        until = time.monotonic() + linger_s
        with self._changed:
            while self._thread is not None and self._left() and self._last_error is None:
                if (wait_s := until - time.monotonic()) <= 0:
                    break
                self._changed.wait(min(wait_s, _LOOK_EVERY_S))
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._lock.release()
        self._outbox.close()

    def _left(self) -> int:
        status = self._outbox.status()
        return status.messages - status.refused

    def _start(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause_s = 0.0
        while not self._closing:
            try:
                sent = self._round()
                pause_s, self._last_error = 0.0, None
            except Exception as error:  # noqa: BLE001  whatever it was, the next round may fare better
                sent = 0
                self._last_error = error if isinstance(error, PublishError) else PublishError(repr(error))
                pause_s = min(max(2 * pause_s, self._first_pause_s), LONGEST_PAUSE_S)
            with self._changed:
                self._changed.notify_all()
                if not sent and not self._closing:
                    self._changed.wait(pause_s or _LOOK_EVERY_S)

    def _round(self) -> int:
        """Send what waits; returns how many messages left. Raises PublishError where nothing more would pass."""
        if not self._lock.hold():
            self._settle_elsewhere()
            return 0
        self._sent({})
        waiting = self._outbox.waiting()
        if waiting:
            self._send(waiting)
        self._settle_elsewhere()
        return len(waiting)

    def _send(self, waiting: Sequence[StoredReading]) -> None:
        transport = self._connect()
        sent = [(each, transport.send(each.message)) for each in waiting]
        errors = {each.number: self._error(answer) for each, answer in sent}
        self._sent({each.number: answer.result() for each, answer in sent if errors[each.number] is None})
        for each in waiting:
            if isinstance(errors[each.number], RefusedError):
                self._try_alone(transport, each)
        failed = [error for error in errors.values() if error and not isinstance(error, RefusedError)]
        if failed:
            raise failed[-1]

    def _error(self, answer: Future[str]) -> PublishError | None:
        """Wait for an answer, not longer than this sender lives."""
        until = time.monotonic() + self._patience_s
        while not answer.done():
            if self._closing or time.monotonic() > until:
                return UnansweredError("no answer in time")
            with contextlib.suppress(TimeoutError):
                answer.exception(_GLANCE_S)
        error = answer.exception()
        return error if error is None or isinstance(error, PublishError) else PublishError(str(error))

    def _sent(self, ids: dict[int, str]) -> None:
        self._owed |= ids
        if self._owed:
            self._outbox.delete(list(self._owed))
            self._settle(self._owed)
            self._owed = {}

    def _try_alone(self, transport: Transport, stored: StoredReading) -> None:
        """A request is refused as a whole: find out whether it was for this message, and set it aside then."""
        answer = transport.send(stored.message)
        error = self._error(answer)
        if error is None:
            self._sent({stored.number: answer.result()})
        elif isinstance(error, RefusedError):
            self._outbox.refuse(stored.number, str(error))
            with self._changed:
                future = self._answers.pop(stored.number, None)
            if future is not None:
                future.set_exception(error)
        else:
            raise error

    def _settle(self, ids: dict[int, str]) -> None:
        with self._changed:
            known = [(self._answers.pop(number, None), message_id) for number, message_id in ids.items()]
        for future, message_id in known:
            if future is not None:
                future.set_result(message_id)

    def _settle_elsewhere(self) -> None:
        """Another process may have sent what this one stored."""
        with self._changed:
            numbers = list(self._answers)
        there = self._outbox.holds(numbers)
        self._settle({number: SENT_ELSEWHERE for number in numbers if number not in there})
