"""Bulk publishing: every row accounted for, an interruption finishes what has begun, hopelessness ends it."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import grpc
import pytest

from rookery.publisher.client import ReadingPublisher
from rookery.publisher.commands.interruption import Interruption, interruptible
from rookery.publisher.errors import BadMessageError, UnreachableError
from rookery.publisher.failure import NotPublishedError
from rookery.publisher.files.bad_row import BadRow
from rookery.publisher.files.bulk import Progress, publish_all
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.codec import encode
from rookery.schemas.rejection import Reason
from rookery.schemas.table import ReadingTable
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.schemas.reading import Reading
    from tests.publisher.conftest import StagedPubSub

TOPIC = "projects/rookery-test/topics/readings"
BAD = BadRow(line=7, reasons=(Reason(field="row", rule="8 cells are needed"),), text="x")


@pytest.fixture
def publisher(staged: StagedPubSub) -> Iterator[ReadingPublisher]:
    settings = PublisherSettings(broker=staged.address, give_up_s=1, attempt_s=1, in_flight_messages=20)
    with ReadingPublisher(TOPIC, settings=settings) as opened:
        yield opened


def test_every_row_is_accounted_for(publisher: ReadingPublisher, staged: StagedPubSub) -> None:
    """Readings, tables and bad rows add up, the bytes are those of the payloads, and progress ends at the sum."""
    factory = ReadingFactory(seed=1)
    readings, table = factory.readings(30), factory.table(12)
    progress, bad = list[Progress](), list[BadRow]()
    summary = publish_all(
        publisher, [*readings, BAD, table], on_progress=progress.append, on_bad_row=bad.append
    )
    size = sum(len(encode(each)) for each in (*readings, table))
    assert (summary.rows, summary.messages, summary.bytes) == (42, 31, size)
    assert (summary.failed, summary.bad_rows, summary.interrupted) == (0, 1, False)
    assert not summary.complete
    assert bad == [BAD]
    assert (progress[-1].rows_sent, progress[-1].rows_bad, progress[-1].bytes_sent) == (42, 1, size)
    assert staged.messages == 31


def test_a_file_of_good_rows_is_complete(publisher: ReadingPublisher) -> None:
    """Complete means that every row has a message id."""
    assert publish_all(publisher, ReadingFactory(seed=2).readings(3)).complete


def test_a_broker_that_dies_ends_it_and_every_row_is_named(
    publisher: ReadingPublisher, staged: StagedPubSub
) -> None:
    """An answered message counts, one without an answer is a failure with its reading, and the rest is not read."""
    readings = ReadingFactory(seed=3).readings(5_000, prefix="row")
    read = []

    def source() -> Iterator[Reading]:
        for reading in readings:
            read.append(reading)
            if len(read) == 100:
                staged.stop()
            yield reading

    summary = publish_all(publisher, source())
    assert summary.hopeless
    assert 0 < summary.failed <= 40
    assert summary.rows + summary.failed == len(read) < len(readings)
    assert len({failure.source.reading_id for failure in summary.failures}) == summary.failed
    assert all(isinstance(failure.error, UnreachableError) for failure in summary.failures)


def test_a_refused_request_does_not_end_it(publisher: ReadingPublisher, staged: StagedPubSub) -> None:
    """A failure that says nothing about the next message is counted, and the next one is sent."""
    staged.failure = grpc.StatusCode.INVALID_ARGUMENT
    summary = publish_all(publisher, ReadingFactory(seed=4).readings(50))
    assert (summary.rows, summary.failed, summary.hopeless) == (0, 50, False)


def test_a_table_too_large_for_a_message_is_a_failure_of_its_own(publisher: ReadingPublisher) -> None:
    """One message beyond the bound costs its rows alone."""
    huge = ReadingTable(bill_length_mm=[39.1] * 50_000, device_id=["d" * 200] * 50_000)
    summary = publish_all(publisher, [huge, ReadingFactory(seed=5).reading()])
    assert (summary.rows, summary.failed) == (1, 50_000)
    assert isinstance(summary.failures[0].error, BadMessageError)


def test_what_failed_before_is_not_its_own(publisher: ReadingPublisher, staged: StagedPubSub) -> None:
    """An earlier failure that was not reported is raised first, so that the sums stay true."""
    staged.failure = grpc.StatusCode.INVALID_ARGUMENT
    publisher.publish(ReadingFactory(seed=6).reading())
    with pytest.raises(NotPublishedError):
        publish_all(publisher, ReadingFactory(seed=6).readings(3))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_finishes_what_has_begun(
    publisher: ReadingPublisher, staged: StagedPubSub, number: signal.Signals
) -> None:
    """The row being waited for is left, the rows before it get their message ids, and the handler is restored."""
    before = signal.getsignal(number)

    def source() -> Iterator[Reading]:
        yield from ReadingFactory(seed=7).readings(10)
        os.kill(os.getpid(), number)
        pytest.fail("the source went on")

    summary = publish_all(publisher, source())
    assert summary.interrupted
    assert (summary.rows, summary.failed, staged.messages) == (10, 0, 10)
    assert signal.getsignal(number) is before


def test_an_interruption_never_cuts_a_message_in_two() -> None:
    """Between two items it only asks, and no further item is taken."""
    taken = []
    with interruptible() as interruption:
        for item in interruption.until_asked(range(10)):
            taken.append(item)
            if item == 3:
                signal.raise_signal(signal.SIGINT)
    assert taken == [0, 1, 2, 3]


def test_asking_twice_ends_at_once() -> None:
    """A second Ctrl-C ends at once."""
    interruption = Interruption()
    interruption.ask()
    with pytest.raises(KeyboardInterrupt):
        interruption.ask()


def test_bulk_runs_in_any_thread(publisher: ReadingPublisher) -> None:
    """Outside the main thread, where Python delivers no signals, publishing works all the same."""
    summaries = []
    thread = threading.Thread(
        target=lambda: summaries.append(publish_all(publisher, ReadingFactory(seed=8).readings(3)))
    )
    thread.start()
    thread.join(timeout=20)
    assert summaries[0].complete
