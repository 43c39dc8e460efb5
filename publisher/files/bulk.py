"""Bulk: publish many readings or tables, bounded in flight, and account for every row."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery.publisher.commands.interruption import interruptible
from rookery.publisher.errors import BadMessageError
from rookery.publisher.failure import Failure, NotPublishedError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.encoded_message import EncodedMessage
from rookery.publisher.files.resume.watermark import Watermark
from rookery.publisher.receipt import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rookery.publisher.client import ReadingPublisher
    from rookery.publisher.files.resume.position import FilePosition
    from rookery.publisher.files.resume.watermark import AckedStep
    from rookery.publisher.receipt import Receipt
    from rookery.schemas.contract.reading_classes import AnyReading, AnyTable


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it came: rows handed over, rows with a message id, bad rows, bytes of payload handed over.

    `place`: of a file's messages, the last place before which every row has its message id or is bad.
    """

    rows_sent: int
    rows_acked: int
    rows_bad: int
    bytes_sent: int
    place: FilePosition | None = None


@dataclass(frozen=True, slots=True)
class PublishSummary:
    """Where every row went. `rows`, `messages` and `bytes` count what has a message id.

    `failed` counts rows that were sent and have none; `interrupted` says that the user asked to finish early.
    """

    rows: int
    messages: int
    bytes: int
    seconds: float
    failed: int = 0
    bad_rows: int = 0
    interrupted: bool = False
    failures: tuple[Failure, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every row of the source has a message id and none is bad."""
        return not (self.failed or self.bad_rows or self.interrupted)

    @property
    def total(self) -> int:
        """The rows that were read."""
        return self.rows + self.failed + self.bad_rows

    @property
    def hopeless(self) -> bool:
        """Whether it was given up early, since nothing more would have passed."""
        return any(failure.error.hopeless for failure in self.failures)


def publish_all(
    publisher: ReadingPublisher,
    items: Iterable[AnyReading | AnyTable | EncodedMessage | BadRow],
    *,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_bad_row: Callable[[BadRow], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> PublishSummary:
    """Publish until the items end, the user asks to finish (SIGINT, SIGTERM), or nothing would pass any more.

    Both callbacks run in this thread. Messages in flight are always finished; the publisher stays open and must
    publish nothing else meanwhile. Raises NotPublishedError for earlier failures.
    """
    publisher.flush()
    began, tally = clock(), _Tally()
    with interruptible() as interruption:
        for item in interruption.until_asked(items):
            if isinstance(item, BadRow):
                tally.bad_rows += 1
                on_bad_row(item)
            elif isinstance(item, EncodedMessage) and item.end is not None:
                tally.watermark.reached(item.end)
            else:
                _send(publisher, item, tally)
            on_progress(tally.progress())
            if tally.hopeless:
                break
        tally.failures += _finish(publisher)
        if not tally.failures:
            # All is answered, whether the last callbacks have run by now or not.
            tally.watermark.settle()
        on_progress(tally.progress())
    return tally.summary(seconds=clock() - began, interrupted=interruption.asked)


def _send(publisher: ReadingPublisher, item: AnyReading | AnyTable | EncodedMessage, tally: _Tally) -> None:
    tally.messages_sent += 1
    tally.rows_sent += rows_of(item)
    step = tally.watermark.sent()
    try:
        receipt = (
            publisher.publish_encoded(item) if isinstance(item, EncodedMessage) else publisher.publish(item)
        )
    except BadMessageError as error:
        tally.failures.append(Failure(source=item, error=error, size=0))
        return
    tally.bytes_sent += receipt.size
    receipt.add_done_callback(lambda answered: tally.settle(answered, step))


def _finish(publisher: ReadingPublisher) -> tuple[Failure, ...]:
    try:
        publisher.flush()
    except NotPublishedError as error:
        return error.failures
    return ()


class _Tally:
    """Counts: what was sent by the one thread that sends, what was answered by Pub/Sub's threads."""

    def __init__(self) -> None:
        self.messages_sent = self.rows_sent = self.bytes_sent = self.bad_rows = 0
        self.failures: list[Failure] = []
        self.hopeless = False
        self.watermark = Watermark()
        self._lock = threading.Lock()
        self._rows_acked = 0

    def settle(self, receipt: Receipt, step: AckedStep) -> None:
        error = receipt.peek()
        with self._lock:
            if error is None:
                step.done = True
                self._rows_acked += receipt.rows
            elif error.hopeless:
                self.hopeless = True

    def progress(self) -> Progress:
        return Progress(
            rows_sent=self.rows_sent,
            rows_acked=self._rows_acked,
            rows_bad=self.bad_rows,
            bytes_sent=self.bytes_sent,
            place=self.watermark.place,
        )

    def summary(self, *, seconds: float, interrupted: bool) -> PublishSummary:
        """Take the failures from what was sent; the last answers may not have been counted yet."""
        failed = sum(rows_of(failure.source) for failure in self.failures)
        return PublishSummary(
            rows=self.rows_sent - failed,
            messages=self.messages_sent - len(self.failures),
            bytes=self.bytes_sent - sum(failure.size for failure in self.failures),
            seconds=seconds,
            failed=failed,
            bad_rows=self.bad_rows,
            interrupted=interrupted,
            failures=tuple(self.failures),
        )
