"""ReadingPublisher: the library's face. Publish readings and tables, and know what became of each."""

from __future__ import annotations

import atexit
import threading
import uuid
from typing import TYPE_CHECKING, Self

from publisher.errors import ClosedError, NotPublishedError
from publisher.message import Message
from publisher.receipt import InFlight, Receipt
from publisher.settings import PublisherSettings
from publisher.topics import topic_path
from schemas.codec import SCHEMA_ATTRIBUTE, SCHEMA_VERSION, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from publisher.parcel import Parcel
    from publisher.transport import Transport
    from schemas.reading import Reading
    from schemas.table import ReadingTable


def new_reading_id() -> str:
    """Make an identity for an observation. Make it once, when the bird is measured, and keep it.

    Delivery is at least once and a retry gets a new message id: only a reading_id makes sending again harmless.
    """
    return str(uuid.uuid4())


class ReadingPublisher:
    """Publishes to one topic from any thread; use it as a context manager, or `close` it.

        with ReadingPublisher("projects/rookery-local/topics/readings") as publisher:
            publisher.publish(Reading(bill_length_mm=39.1, reading_id=new_reading_id()))

    `topic` is a full name; the address comes from the settings, PUBSUB_EMULATOR_HOST, or is Google's. Raises
    BadTopicError. Nothing is connected before the first use.
    """

    def __init__(
        self, topic: str, *, settings: PublisherSettings | None = None, transport: Transport | None = None
    ) -> None:
        self.topic = topic_path(topic)
        self._settings = settings or PublisherSettings()
        self._transport = transport
        self._in_flight = InFlight(self._settings.answered_within_s)
        # Held while a message is handed over, so that close never overtakes one.
        self._lock = threading.Lock()
        self._closed = False

    def publish(self, readings: Reading | ReadingTable, **attributes: str) -> Receipt:
        """Send a reading or a table; blocks while too much is in flight.

        Raises BadMessageError (too large, or attributes that Pub/Sub refuses) and ClosedError at once; every
        later failure is the receipt's, and `flush`'s and `close`'s unless the receipt was asked.
        """
        message = Message(encode(readings), {**attributes, SCHEMA_ATTRIBUTE: SCHEMA_VERSION})
        return self._send(message, readings)

    def publish_payload(self, payload: bytes, attributes: Mapping[str, str] | None = None) -> Receipt:
        """Send bytes as they are, whatever they mean; a schema version among the attributes is kept."""
        message = Message(payload, {SCHEMA_ATTRIBUTE: SCHEMA_VERSION, **(attributes or {})})
        return self._send(message, payload)

    def publish_parcel(self, parcel: Parcel, **attributes: str) -> Receipt:
        """Send readings that were validated and written before."""
        return self._send(Message(parcel.payload, {**attributes, SCHEMA_ATTRIBUTE: SCHEMA_VERSION}), parcel)

    def _send(self, message: Message, source: Reading | ReadingTable | Parcel | bytes) -> Receipt:
        message.check()
        with self._lock:
            answer = self._open().send(message)
            receipt = Receipt(source, answer, size=len(message.payload), in_flight=self._in_flight)
            self._in_flight.add(receipt)
        return receipt

    def _open(self) -> Transport:
        if self._closed:
            raise ClosedError("the publisher is closed")
        if self._transport is None:
            # Google's client costs 0.3 s to import: whoever only validates need not pay.
            from publisher.pubsub import PubSubTransport  # noqa: PLC0415  see above

            self._transport = PubSubTransport(self.topic, self._settings)
            # Its threads are daemons: without this, a program that forgets to close loses its last readings.
            atexit.register(self.close)
        return self._transport

    def reach(self, timeout_s: float = 10.0) -> str:
        """Wait until the broker answers and return its address; raises UnreachableError or NotAllowedError."""
        with self._lock:
            transport = self._open()
        transport.reach(timeout_s)
        return transport.address

    def flush(self) -> None:
        """Wait until everything sent has its answer, at most the settings' `answered_within_s`.

        Raises NotPublishedError with every failure that no receipt has told yet.
        """
        failures = self._in_flight.drain()
        if failures:
            raise NotPublishedError(failures)

    def close(self) -> None:
        """Take nothing new, flush, and release the connection; closing again does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        try:
            self.flush()
        finally:
            if self._transport is not None:
                self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
