"""The REST wire: batched, bounded, patient with what passes, and every failure reported by its name."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from rookery.publisher.client import ReadingPublisher
from rookery.publisher.errors import (
    ClosedError,
    NoSuchTopicError,
    NotAllowedError,
    PublishError,
    RefusedError,
    UnansweredError,
    UnreachableError,
)
from rookery.publisher.message import OutgoingMessage
from rookery.publisher.settings import PublisherSettings
from rookery.publisher.transports.choose import transport_to
from rookery.publisher.transports.pubsub import PubSubTransport
from rookery.publisher.transports.rest import RestTransport
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.publisher.conftest import Topic

TOPIC = "projects/rookery-test/topics/readings"


class StagedRest:
    """Pub/Sub's REST publish call: `statuses` are given out one by one, the last one stays; 200 publishes."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.go = threading.Event()
        self.go.set()
        self.batches: list[int] = []
        staged = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                staged.go.wait(10)
                status = staged.statuses.pop(0) if len(staged.statuses) > 1 else staged.statuses[0]
                answer: dict[str, object] = {"error": {"message": "staged"}}
                if status == 200:
                    staged.batches.append(len(body["messages"]))
                    answer = {"messageIds": [f"id-{number}" for number, _ in enumerate(body["messages"])]}
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self) -> None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def rest() -> Iterator[StagedRest]:
    server = StagedRest()
    yield server
    server.stop()


def transport(address: str, **settings: float) -> RestTransport:
    quick = {"give_up_s": 0.5, "attempt_s": 0.5}
    return RestTransport(TOPIC, PublisherSettings(broker=address, **{**quick, **settings}))


def test_a_reading_arrives_as_over_grpc(topic: Topic) -> None:
    """The same bytes and attributes, and the message id that is given is the one that arrives."""
    settings = PublisherSettings(broker=topic.broker, wire="rest")
    with ReadingPublisher(topic.name, settings=settings) as publisher:
        assert publisher.reach() == topic.broker
        receipt = publisher.publish(ReadingFactory(seed=1).reading(reading_id="r"), station="north")
    (message,) = topic.take(1)
    assert (message.message_id, message.attributes["station"]) == (receipt.result(), "north")


def test_messages_travel_together(rest: StagedRest) -> None:
    """Messages that wait while a request is in flight go with the next one, up to the bounds."""
    rest.go.clear()
    sending = transport(rest.address, batch_messages=10)
    answers = [sending.send(OutgoingMessage(b"x", {})) for _ in range(25)]
    rest.go.set()
    assert all(answer.result(5) for answer in answers)
    assert sum(rest.batches) == 25
    assert max(rest.batches) == 10
    sending.close()


@pytest.mark.parametrize("bounds", [{"batch_messages": 3}, {"batch_bytes": 3}, {"in_flight_messages": 3}])
def test_a_message_waits_for_company(rest: StagedRest, bounds: dict[str, int]) -> None:
    """One more message does not end the wait, a whole batch does: three that come one by one are one request."""
    sending = transport(rest.address, batch_wait_s=60, **bounds)
    answers = [sending.send(OutgoingMessage(b"x", {})) for _ in range(3)]
    assert all(answer.result(5) for answer in answers)
    assert rest.batches == [3]
    sending.close()


def test_closing_ends_the_wait_for_company(rest: StagedRest) -> None:
    """Closing does not wait for messages that will not come."""
    sending = transport(rest.address, batch_wait_s=60)
    answer = sending.send(OutgoingMessage(b"x", {}))
    sending.close()
    assert answer.done()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, NoSuchTopicError),
        (403, NotAllowedError),
        (401, NotAllowedError),
        (400, RefusedError),
        (503, UnansweredError),
        (429, UnansweredError),
    ],
)
def test_every_failure_is_reported_by_its_name(
    rest: StagedRest, status: int, error: type[PublishError]
) -> None:
    """A transient failure is retried until time is up, a permanent one is raised at once."""
    rest.statuses = [status]
    sending = transport(rest.address)
    with pytest.raises(error):
        sending.send(OutgoingMessage(b"x", {})).result(10)
    sending.close()


def test_what_passes_is_tried_again(rest: StagedRest) -> None:
    """Two failures of the service cost nothing but time."""
    rest.statuses = [503, 500, 200]
    sending = transport(rest.address, give_up_s=10)
    assert sending.send(OutgoingMessage(b"x", {})).result(10) == "id-0"
    sending.close()


def test_a_closed_port_is_unreachable(rest: StagedRest) -> None:
    """At once where one asks, and in bounded time where one sends."""
    rest.go.set()
    closed = transport("127.0.0.1:1")
    with pytest.raises(UnreachableError):
        closed.reach(0.2)
    with pytest.raises(UnreachableError):
        closed.send(OutgoingMessage(b"x", {})).result(10)
    closed.close()


def test_too_much_in_flight_blocks_and_closing_lets_go(rest: StagedRest) -> None:
    """The bound holds while nothing is answered; a waiting caller gets ClosedError when the publisher is closed."""
    rest.go.clear()
    sending = transport(rest.address, in_flight_messages=2, attempt_s=5)
    first = sending.send(OutgoingMessage(b"x", {}))
    sending.send(OutgoingMessage(b"x", {}))
    refused = []

    def third() -> None:
        with pytest.raises(ClosedError):
            sending.send(OutgoingMessage(b"x", {}))
        refused.append(True)

    thread = threading.Thread(target=third)
    thread.start()
    assert not first.done()
    sending.close()
    thread.join(10)
    assert refused == [True]


def test_the_wire_is_chosen_by_settings_and_by_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's client where it is installed, unless REST is asked for; REST where it is not."""
    wires = {}
    for wire in ("auto", "rest", "grpc"):
        made = transport_to(TOPIC, PublisherSettings(broker="127.0.0.1:1", wire=wire))
        wires[wire] = type(made)
        made.close()
    assert wires == {"auto": PubSubTransport, "rest": RestTransport, "grpc": PubSubTransport}
    monkeypatch.setattr("rookery.publisher.transports.choose.importlib.util.find_spec", lambda _: None)
    made = transport_to(TOPIC, PublisherSettings(broker="127.0.0.1:1"))
    assert isinstance(made, RestTransport)
    made.close()
