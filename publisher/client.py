"""ReadingPublisher: the library's face. Publish readings and tables, and know what became of each."""

from __future__ import annotations

import atexit
import threading
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from rookery.publisher.contracts import compiled_of, valid_readings
from rookery.publisher.errors import ClosedError
from rookery.publisher.failure import NotPublishedError
from rookery.publisher.message import OutgoingMessage
from rookery.publisher.receipt import InFlight, Receipt, rows_of
from rookery.publisher.settings import PublisherSettings
from rookery.publisher.topics import topic_path
from rookery.publisher.transports.choose import transport_to
from rookery.publisher.transports.forks import ForkAware
from rookery.schemas.codec import SCHEMA_ATTRIBUTE, SCHEMA_VERSION, encode
from rookery.schemas.contract.reading_classes import AnyReading, AnyTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rookery.publisher.files.encoded_message import EncodedMessage
    from rookery.publisher.outbox.sender import OutboxSender
    from rookery.publisher.outbox.store import Outbox
    from rookery.publisher.transports.protocol import Transport
    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.contract import Contract


def new_reading_id() -> str:
    """Make an identity for an observation. Make it once, when the observation is made, and keep it.

    Delivery is at least once and a retry gets a new message id: only a reading_id makes sending again harmless.
    """
    return str(uuid.uuid4())


def identified(readings: AnyReading | AnyTable) -> AnyReading | AnyTable:
    """Give an identity to every reading that has none."""
    if isinstance(readings, AnyReading):
        return (
            readings if readings.reading_id else readings.model_copy(update={"reading_id": new_reading_id()})
        )
    known = readings.reading_id or [None] * readings.rows
    stem = new_reading_id()
    names = [name or f"{stem}-{row}" for row, name in enumerate(known)]
    return readings.model_copy(update={"reading_id": names})


class ReadingPublisher(ForkAware):
    """Publishes to one topic from any thread.

    Use it as a context manager, or `close` it::

        with ReadingPublisher("projects/rookery-local/topics/readings") as publisher:
            publisher.publish(Reading(body_mass_g=3750, reading_id=new_reading_id()))

    `topic` is a full name; the address comes from the settings, PUBSUB_EMULATOR_HOST, or is Google's. Raises
    BadTopicError. The constructor only stores: the first use opens the outbox and connects.

    `contract` is one, or the file of a contract or of a model, and validates what is given as a mapping. Readings by
    another contract than the default one are made so, without xgboost::

        publisher = ReadingPublisher(topic, contract="iris.json")
        publisher.publish({"sepal length (cm)": 5.1, "reading_id": new_reading_id()})

    With an `outbox` (a path, or an Outbox with a bound and a policy) every reading is on the disk before
    `publish` returns, gets a reading_id where it has none, and is sent whenever there is a link, by this program
    or a later one. Readings that an earlier program left are sent from `open` on, or the first use.

    In a process that was forked from this one it publishes over a connection of its own. Messages that
    were handed over before are answered in the parent: their receipts raise ForkedError in the child.
    """

    def __init__(
        self,
        topic: str,
        *,
        settings: PublisherSettings | None = None,
        transport: Transport | None = None,
        outbox: Outbox | Path | str | None = None,
        contract: Contract | Path | str | None = None,
    ) -> None:
        self._contract = contract
        self.topic = topic_path(topic)
        self._settings = settings or PublisherSettings()
        self._transport = transport
        self._outbox = outbox
        self._sender: OutboxSender | None = None
        self._in_flight = InFlight(self._settings.answered_within_s)
        # Held while a message is handed over, so that close never overtakes one.
        self._lock = threading.Lock()
        self._closed = False
        super().__init__()

    def after_fork_in_child(self) -> None:
        """Leave what is in flight to the parent."""
        self._lock = threading.Lock()
        self._in_flight.forked = True
        self._in_flight = InFlight(self._settings.answered_within_s)

    @cached_property
    def _by(self) -> CompiledContract:
        return compiled_of(self._contract)

    def open(self) -> Self:
        """Open the outbox and send what an earlier program left; opening again does nothing.

        Raises BadOutboxError (damaged, or another topic's) and ClosedError. Without an outbox nothing is opened.
        """
        with self._lock:
            self._opened()
        return self

    def publish(self, readings: AnyReading | AnyTable | Mapping[str, Any], **attributes: str) -> Receipt:
        """Send a reading or a table; blocks while too much is in flight.

        A mapping of values by the features' names, or of columns of values, is validated by the publisher's contract;
        raises InvalidReadingError with every reason. Raises BadMessageError (too large, or attributes that Pub/Sub refuses), ClosedError, and at the first
        use NotAllowedError (Google's credentials are missing) or BadOutboxError at once; every
        later failure is the receipt's, and `flush`'s and `close`'s unless the receipt was asked.
        """
        valid = (
            readings if isinstance(readings, AnyReading | AnyTable) else valid_readings(readings, self._by)
        )
        source = valid if self._outbox is None else identified(valid)
        message = OutgoingMessage(encode(source), {**attributes, SCHEMA_ATTRIBUTE: SCHEMA_VERSION})
        return self._send(message, source)

    def publish_payload(self, payload: bytes, attributes: Mapping[str, str] | None = None) -> Receipt:
        """Send bytes as they are, whatever they mean; a schema version among the attributes is kept."""
        message = OutgoingMessage(payload, {SCHEMA_ATTRIBUTE: SCHEMA_VERSION, **(attributes or {})})
        return self._send(message, payload)

    def publish_encoded(self, encoded: EncodedMessage, **attributes: str) -> Receipt:
        """Send readings that were validated and written before."""
        return self._send(
            OutgoingMessage(encoded.payload, {**attributes, SCHEMA_ATTRIBUTE: SCHEMA_VERSION}), encoded
        )

    def _send(
        self, message: OutgoingMessage, source: AnyReading | AnyTable | EncodedMessage | bytes
    ) -> Receipt:
        message.check()
        with self._lock:
            if (sender := self._opened()) is not None:
                answer = sender.store(message, rows=rows_of(source))
                return Receipt(source, answer, size=len(message.payload), in_flight=self._in_flight)
            answer = self._connected().send(message)
            receipt = Receipt(source, answer, size=len(message.payload), in_flight=self._in_flight)
            self._in_flight.add(receipt)
        return receipt

    def _opened(self) -> OutboxSender | None:
        """Open the outbox where that was not done yet; returns its sender, None without an outbox."""
        if self._closed:
            raise ClosedError("the publisher is closed")
        if self._sender is None and self._outbox is not None:
            # Here and not in the sender's thread: a child that is forked during an import waits for it for ever.
            self._connected()
            self._sender = self._sender_of(self._outbox)
        return self._sender

    def _sender_of(self, outbox: Outbox | Path | str) -> OutboxSender:
        from rookery.publisher.outbox.sender import OutboxSender  # noqa: PLC0415  the same
        from rookery.publisher.outbox.store import Outbox  # noqa: PLC0415  only a publisher with an outbox needs a database

        opened = outbox if isinstance(outbox, Outbox) else Outbox(outbox)
        opened.claim(self.topic)
        sender = OutboxSender(opened, self._connect, patience_s=self._settings.answered_within_s)
        sender.start()
        return sender

    def _connect(self) -> Transport:
        """Connect for the outbox, which may still be sending while the publisher closes."""
        with self._lock:
            return self._connected()

    def _connected(self) -> Transport:
        if self._transport is None:
            self._transport = transport_to(self.topic, self._settings)
            # Its threads are daemons: without this, a program that forgets to close loses its last readings.
            atexit.register(self.close)
        return self._transport

    def reach(self, timeout_s: float = 10.0) -> str:
        """Wait until the broker answers and return its address; raises UnreachableError or NotAllowedError."""
        with self._lock:
            self._opened()
            transport = self._connected()
        transport.reach(timeout_s)
        return transport.address

    def flush(self) -> None:
        """Wait until everything sent has its answer, at most the settings' `answered_within_s`.

        Raises NotPublishedError with every failure that no receipt has reported yet; with an outbox
        StillStoredError, and then nothing is lost.
        """
        sender = self._sender
        if sender is None and self._outbox is not None:
            with self._lock:
                sender = self._opened()
        if sender is not None:
            sender.flush(self._settings.answered_within_s)
            return
        failures = self._in_flight.drain()
        if failures:
            raise NotPublishedError(failures)

    def close(self) -> None:
        """Take nothing new, flush, and release the connection; closing again does nothing.

        With an outbox nothing is raised: what cannot be sent now stays stored.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        try:
            if self._sender is not None:
                self._sender.close()
            elif self._outbox is None:
                self.flush()
        finally:
            if self._transport is not None:
                self._transport.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()
