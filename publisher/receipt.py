"""Receipt: what becomes of one message, and InFlight: the receipts that have no answer yet."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from rookery.publisher.errors import ForkedError, PublishError, UnansweredError
from rookery.publisher.failure import Failure
from rookery.publisher.files.encoded_message import EncodedMessage
from rookery.schemas.contract.reading_classes import AnyTable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future

    from rookery.schemas.contract.reading_classes import AnyReading


def rows_of(source: AnyReading | AnyTable | EncodedMessage | bytes) -> int:
    """The number of readings in what was published; a raw payload counts as one."""
    return source.rows if isinstance(source, AnyTable | EncodedMessage) else 1


class Receipt:
    """A message in flight; its answer is Pub/Sub's message id, or a PublishError.

    A failure that a receipt reports is not raised again by the publisher's `flush` or `close`.
    """

    __slots__ = ("_answer", "_in_flight", "size", "source")

    def __init__(
        self,
        source: AnyReading | AnyTable | EncodedMessage | bytes,
        answer: Future[str],
        *,
        size: int,
        in_flight: InFlight,
    ) -> None:
        self.source = source
        self.size = size
        self._answer = answer
        self._in_flight = in_flight

    @property
    def rows(self) -> int:
        """The number of readings; a raw payload counts as one."""
        return rows_of(self.source)

    def done(self) -> bool:
        """Whether the answer is there."""
        return self._in_flight.forked or self._answer.done()

    def result(self, timeout_s: float | None = None) -> str:
        """Wait for the message id; raises a PublishError, or TimeoutError where you would not wait so long."""
        error = self.exception(timeout_s)
        if error is not None:
            raise error
        return self._answer.result()

    def exception(self, timeout_s: float | None = None) -> PublishError | None:
        """Wait for the answer and return why there is no message id; None where there is one."""
        if self._in_flight.forked:
            return ForkedError()
        wait_s = self._in_flight.patience_s if timeout_s is None else timeout_s
        try:
            error = self._answer.exception(wait_s)
        except TimeoutError:
            if timeout_s is not None:
                raise
            error = UnansweredError(f"no answer in {wait_s:g} s")
        if error is None:
            return None
        self._in_flight.forget(self)
        return _as_publish_error(error)

    def __await__(self) -> Generator[Any, None, str]:
        return self._awaited().__await__()

    async def _awaited(self) -> str:
        import asyncio  # noqa: PLC0415  a small device may never need it

        if self._in_flight.forked:
            return self.result()
        # Shielded: a caller that is cancelled must not cancel the answer of Pub/Sub.
        answer = asyncio.shield(asyncio.wrap_future(self._answer))
        await asyncio.wait([answer], timeout=self._in_flight.patience_s)
        return self.result(0 if answer.done() else None)

    def add_done_callback(self, callback: Callable[[Receipt], None]) -> None:
        """Call back with this receipt once the answer is there, from another thread."""
        if self._in_flight.forked:
            callback(self)
            return
        self._answer.add_done_callback(lambda _: callback(self))

    def peek(self) -> PublishError | None:
        """The failure of a receipt that is done, without counting as reported."""
        if self._in_flight.forked:
            return ForkedError()
        error = self._answer.exception(0)
        return None if error is None else _as_publish_error(error)


def _as_publish_error(error: BaseException) -> PublishError:
    return error if isinstance(error, PublishError) else PublishError(str(error))


class InFlight:
    """Receipts without an answer, and failures that were not reported. Thread-safe.

    `patience_s` bounds every wait: a commit thread that dies leaves its futures unresolved for ever. `forked` says
    that they are another process's: none of their locks may be taken here, for a thread of that process may hold it.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience_s = patience_s
        self.forked = False
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: dict[Receipt, None] = {}
        self._failed: dict[Receipt, PublishError] = {}

    def add(self, receipt: Receipt) -> None:
        """Watch a receipt until it has its answer."""
        with self._changed:
            self._waiting[receipt] = None
        receipt.add_done_callback(self._settle)

    def _settle(self, receipt: Receipt) -> None:
        error = receipt.peek()
        with self._changed:
            # A receipt that was given up before is no longer tracked.
            known = receipt in self._waiting
            self._waiting.pop(receipt, None)
            if known and error is not None:
                self._failed[receipt] = error
            self._changed.notify_all()

    def forget(self, receipt: Receipt) -> None:
        """Drop a failure that its receipt has reported."""
        with self._changed:
            self._waiting.pop(receipt, None)
            self._failed.pop(receipt, None)

    def drain(self) -> tuple[Failure, ...]:
        """Wait for every answer, at most `patience_s`, and hand over the failures; what has none is one."""
        until = self._clock() + self.patience_s
        with self._changed:
            while self._waiting and (left := until - self._clock()) > 0:
                self._changed.wait(left)
            late = UnansweredError(f"no answer in {self.patience_s:g} s")
            failed = {**self._failed, **dict.fromkeys(self._waiting, late)}
            self._failed.clear()
            self._waiting.clear()
        return tuple(
            Failure(source=receipt.source, error=error, size=receipt.size)
            for receipt, error in failed.items()
        )
