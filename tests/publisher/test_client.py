"""ReadingPublisher: bounded in flight, nothing lost on close, every failure reported with its reading."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Literal

import grpc
import pytest

from rookery.publisher.client import ReadingPublisher, new_reading_id
from rookery.publisher.errors import (
    BadMessageError,
    ClosedError,
    NoSuchTopicError,
    NotAllowedError,
    PublishError,
    RefusedError,
    UnansweredError,
    UnreachableError,
)
from rookery.publisher.failure import NotPublishedError
from rookery.publisher.message import MAX_PAYLOAD, OutgoingMessage
from rookery.publisher.settings import PublisherSettings
from rookery.publisher.transports.choose import transport_to
from rookery.schemas.codec import DecodedTable, decode
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from tests.publisher.conftest import StagedPubSub, Topic

TOPIC = "projects/rookery-test/topics/readings"


def settings_for(broker: str, **settings: float) -> PublisherSettings:
    quick = {"give_up_s": 1.0, "attempt_s": 1.0}
    return PublisherSettings(broker=broker, **{**quick, **settings})


def test_a_reading_and_a_table_arrive_as_they_were_sent(topic: Topic) -> None:
    """A delivered message decodes to the published one, with the schema's version and own attributes."""
    factory = ReadingFactory(seed=1)
    reading, table = factory.reading(reading_id=new_reading_id()), factory.table(3, prefix="t")
    with ReadingPublisher(topic.name, settings=PublisherSettings(broker=topic.broker)) as publisher:
        ids = {
            publisher.publish(reading, station="north").result(),
            publisher.publish(table).result(),
            publisher.publish_payload(b"malformed", {"rookery_schema": "9"}).result(),
        }
    taken = {message.data: message for message in topic.take(3)}
    assert {message.message_id for message in taken.values()} == ids
    malformed = taken.pop(b"malformed")
    assert dict(malformed.attributes) == {"rookery_schema": "9"}
    by_kind = {type(decode(data)): message for data, message in taken.items()}
    assert decode(by_kind[type(reading)].data) == reading
    assert dict(by_kind[type(reading)].attributes) == {"rookery_schema": "1", "station": "north"}
    decoded = decode(by_kind[DecodedTable].data)
    assert isinstance(decoded, DecodedTable)
    assert decoded.table == table


def test_closing_at_once_loses_nothing(topic: Topic) -> None:
    """Ten thousand readings published and closed without a check of any receipt all arrive, once each."""
    readings = ReadingFactory(seed=2).readings(10_000, prefix="penguin")
    with ReadingPublisher(topic.name, settings=PublisherSettings(broker=topic.broker)) as publisher:
        for reading in readings:
            publisher.publish(reading)
    arrived = sorted(decode(message.data).reading_id for message in topic.take(len(readings)))
    assert arrived == sorted(reading.reading_id for reading in readings)


def test_a_program_that_forgets_to_close_loses_nothing(topic: Topic) -> None:
    """The last readings leave before the interpreter does, though the client's threads are daemons."""
    program = f"""
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.testing import ReadingFactory
publisher = ReadingPublisher({topic.name!r}, settings=PublisherSettings(broker={topic.broker!r}, batch_wait_s=0.2))
for reading in ReadingFactory(seed=3).readings(5):
    publisher.publish(reading)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert len(topic.take(5)) == 5


@pytest.mark.parametrize("wire", ["grpc", "rest"])
def test_a_constructor_only_stores(wire: Literal["grpc", "rest"], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a thread nor a search for credentials before the first use, which then says that they are missing."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    before = set(threading.enumerate())
    publisher = ReadingPublisher(TOPIC, settings=PublisherSettings(wire=wire))
    transport = transport_to(TOPIC, PublisherSettings(wire=wire))
    assert set(threading.enumerate()) == before
    with pytest.raises(NotAllowedError, match=r"key\.json"):
        transport.send(OutgoingMessage(b"{}", {}))
    transport.close()
    with publisher, pytest.raises(NotAllowedError, match=r"key\.json"):
        publisher.publish(ReadingFactory(seed=1).reading())


@pytest.mark.parametrize("wire", ["grpc", "rest"])
def test_a_closed_transport_connects_no_more(wire: Literal["grpc", "rest"]) -> None:
    """A transport that was closed before its first use refuses messages, and starts nothing for them."""
    transport = transport_to(TOPIC, PublisherSettings(broker="127.0.0.1:1", wire=wire))
    transport.close()
    before = set(threading.enumerate())
    with pytest.raises(ClosedError):
        transport.send(OutgoingMessage(b"{}", {}))
    assert set(threading.enumerate()) == before


def test_publishing_blocks_at_the_limit(staged: StagedPubSub) -> None:
    """With ten in flight the eleventh waits until answers come, and nothing piles up in memory."""
    staged.go.clear()
    readings = ReadingFactory(seed=4).readings(25)
    settings = settings_for(
        staged.address, in_flight_messages=10, batch_messages=5, give_up_s=20, attempt_s=20
    )
    publisher = ReadingPublisher(TOPIC, settings=settings)
    handed_over = []

    def publish_them() -> None:
        for reading in readings:
            publisher.publish(reading)
            handed_over.append(reading)

    thread = threading.Thread(target=publish_them)
    thread.start()
    while staged.messages < 10:
        assert staged.arrived.acquire(timeout=10)
    # That nothing more happens has no event; half a second is a thousand times what it would take.
    thread.join(timeout=0.5)
    assert thread.is_alive()
    assert len(handed_over) == 10
    staged.go.set()
    thread.join(timeout=10)
    publisher.close()
    assert staged.messages == 25


def test_a_broker_that_dies_surfaces_in_time_with_every_reading(staged: StagedPubSub) -> None:
    """Close raises one typed error that names each reading without a message id, within the stated bound."""
    staged.go.clear()
    readings = ReadingFactory(seed=5).readings(50, prefix="lost")
    settings = settings_for(staged.address)
    publisher = ReadingPublisher(TOPIC, settings=settings)
    for reading in readings:
        publisher.publish(reading)
    assert staged.arrived.acquire(timeout=10)
    staged.stop()
    # A wait that ran into the bound would say that no answer came in time.
    with pytest.raises(NotPublishedError, match="50 messages were not published: cannot reach") as caught:
        publisher.close()
    assert {failure.source.reading_id for failure in caught.value.failures} == {
        reading.reading_id for reading in readings
    }
    assert all(isinstance(failure.error, UnreachableError) for failure in caught.value.failures)


@pytest.mark.parametrize(
    ("status", "error", "hopeless"),
    [
        (grpc.StatusCode.NOT_FOUND, NoSuchTopicError, True),
        (grpc.StatusCode.PERMISSION_DENIED, NotAllowedError, True),
        (grpc.StatusCode.UNAUTHENTICATED, NotAllowedError, True),
        (grpc.StatusCode.INVALID_ARGUMENT, RefusedError, False),
        (grpc.StatusCode.UNAVAILABLE, UnreachableError, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, UnansweredError, True),
    ],
)
def test_every_refusal_has_its_type(
    staged: StagedPubSub, status: grpc.StatusCode, error: type[PublishError], *, hopeless: bool
) -> None:
    """What Google's client raises comes as one of ours, and says whether the next message would fare better."""
    staged.failure = status
    with ReadingPublisher(TOPIC, settings=settings_for(staged.address)) as publisher:
        receipt = publisher.publish(ReadingFactory(seed=6).reading())
        with pytest.raises(error) as caught:
            receipt.result()
    assert caught.value.hopeless is hopeless


def test_an_answer_that_never_comes_is_a_failure_in_time(staged: StagedPubSub) -> None:
    """A server that takes the request and says nothing ends in UnansweredError, not in waiting for ever."""
    staged.go.clear()
    with ReadingPublisher(TOPIC, settings=settings_for(staged.address)) as publisher:
        failure = publisher.publish(ReadingFactory(seed=7).reading()).exception()
    assert isinstance(failure, UnansweredError)


class MuteTransport:
    """A transport whose sending thread died: its futures are never resolved."""

    address = "nowhere"

    def __init__(self) -> None:
        self.closed = False
        self.answers: list[Future[str]] = []

    def reach(self, timeout_s: float) -> None:
        raise UnreachableError(self.address, timeout_s)

    def send(self, message: OutgoingMessage) -> Future[str]:
        assert message.payload
        self.answers.append(Future())
        return self.answers[-1]

    def close(self) -> None:
        self.closed = True


def test_a_transport_that_dies_cannot_hold_close_for_ever() -> None:
    """Futures that are never resolved become failures after the stated bound, and the connection is released."""
    settings = settings_for("nowhere", give_up_s=0.1, attempt_s=0.1)
    transport = MuteTransport()
    publisher = ReadingPublisher(TOPIC, settings=settings, transport=transport)
    receipt = publisher.publish(ReadingFactory(seed=8).reading(reading_id="one"))
    with pytest.raises(NotPublishedError) as caught:
        publisher.close()
    assert [failure.source.reading_id for failure in caught.value.failures] == ["one"]
    assert transport.closed
    transport.answers[0].set_result("late")
    assert receipt.done()
    publisher.flush()


def test_a_failure_that_a_receipt_reported_is_not_raised_again(staged: StagedPubSub) -> None:
    """A failure that a receipt reported is the caller's; flush raises only the others, and raises them once."""
    staged.failure = grpc.StatusCode.INVALID_ARGUMENT
    factory = ReadingFactory(seed=9)
    with ReadingPublisher(TOPIC, settings=settings_for(staged.address)) as publisher:
        reported = publisher.publish(factory.reading(reading_id="reported"))
        publisher.publish(factory.reading(reading_id="unreported"))
        assert isinstance(reported.exception(), RefusedError)
        with pytest.raises(NotPublishedError) as caught:
            publisher.flush()
        publisher.flush()
    assert [failure.source.reading_id for failure in caught.value.failures] == ["unreported"]


def test_a_bad_message_is_stopped_before_it_harms_its_neighbours(staged: StagedPubSub) -> None:
    """Too large a payload and every bad attribute are reported at once, together; the next reading passes."""
    with ReadingPublisher(TOPIC, settings=settings_for(staged.address)) as publisher:
        with pytest.raises(BadMessageError) as caught:
            publisher.publish_payload(
                b"x" * (MAX_PAYLOAD + 1), {"googly": "x", "topic": "x", "long": "x" * 1025}
            )
        publisher.publish(ReadingFactory(seed=10).reading())
    assert len(caught.value.rules) == 4
    assert staged.messages == 1


def test_a_closed_publisher_takes_nothing(staged: StagedPubSub) -> None:
    """Publishing after close is a typed error, and closing again does nothing."""
    publisher = ReadingPublisher(TOPIC, settings=settings_for(staged.address))
    publisher.publish(ReadingFactory(seed=11).reading())
    publisher.close()
    publisher.close()
    with pytest.raises(ClosedError):
        publisher.publish(ReadingFactory(seed=11).reading())
    assert staged.messages == 1


def test_an_unreachable_broker_is_reported_in_time() -> None:
    """Reaching for a closed port fails with the address, within the time asked for."""
    with (
        ReadingPublisher(TOPIC, settings=settings_for("127.0.0.1:1")) as publisher,
        pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"),
    ):
        publisher.reach(0.2)


def test_importing_the_library_costs_no_google() -> None:
    """A device that only builds readings pays for Google's client when it first publishes, not before."""
    program = "import sys, rookery.publisher.client, rookery.publisher.commands.publish; sys.exit('grpc' in sys.modules or 'rich' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_every_reading_id_is_new() -> None:
    """Two observations never share an identity."""
    assert len({new_reading_id() for _ in range(1_000)}) == 1_000
