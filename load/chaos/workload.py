"""Workload: several publishers at once, which send single readings, tables, duplicates and malformed payloads."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Self

from rookery.load.accounting.ledger import Fate
from rookery.load.child_process import ProcessFailedError
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.settings import PublisherSettings
from rookery.schemas.testing import invalid_examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.load.accounting.ledger import Ledger
    from rookery.load.chaos.labelled_readings import LabelledReading, LabelledReadings
    from rookery.load.chaos.plan import ChaosPlan
    from rookery.publisher.receipt import Receipt
    from rookery.schemas.testing import InvalidExample

_SINGLES: Final = 0.84
_TABLES: Final = 0.08
_MALFORMED: Final = 0.04
_ROWS: Final = (20, 300)
_MALFORMED_ROWS: Final = 0.01


class Workload:
    """Publishes from its own threads while the context is open; on the way out everything sent has its message id.

    `sent` counts messages by kind; `check` says whether a publisher failed.
    """

    def __init__(
        self, plan: ChaosPlan, topic: str, *, broker: str, readings: LabelledReadings, ledger: Ledger
    ) -> None:
        self.sent: Counter[str] = Counter()
        self.failures: list[BaseException] = []
        self._plan = plan
        self._topic = topic
        self._broker = broker
        self._readings = readings
        self._ledger = ledger
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._publish_all, args=(f"p{nth}",), name=f"publisher {nth}")
            for nth in range(plan.publishers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Raise ProcessFailedError where a publisher failed."""
        for failure in self.failures:
            raise ProcessFailedError(f"a publisher failed: {failure}") from failure

    def _publish_all(self, name: str) -> None:
        try:
            with ReadingPublisher(self._topic, settings=PublisherSettings(broker=self._broker)) as publisher:
                _Burst(
                    name, self._plan, readings=self._readings, publisher=publisher, workload=self
                ).send_all()
        except Exception as error:  # noqa: BLE001  a thread has no caller to raise to: the run reads them here
            self.failures.append(error)

    def pause(self, seconds: float) -> bool:
        """Wait; True when it is over."""
        return self._ended.wait(max(0.0, seconds))

    def note(self, kind: str) -> None:
        """Count one message."""
        with self._lock:
            self.sent[kind] += 1

    def expect(self, reading_id: str, *, fate: Fate = Fate.PREDICTED, answer: str | None = None) -> None:
        """Enter one reading in the ledger."""
        with self._lock:
            self._ledger.publish(reading_id, fate=fate, answer=answer)

    def expect_message(self, message_id: str, *, fate: Fate) -> None:
        """Enter one reading in which no identity can be read."""
        with self._lock:
            self._ledger.publish_message(message_id, fate=fate)


class _Burst:
    """The messages of one publisher."""

    def __init__(
        self,
        name: str,
        plan: ChaosPlan,
        *,
        readings: LabelledReadings,
        publisher: ReadingPublisher,
        workload: Workload,
    ) -> None:
        self._name = name
        self._dice = plan.dice(name)
        self._every_s = plan.publishers / plan.messages_per_second
        self._readings = readings
        self._publisher = publisher
        self._workload = workload
        self._malformed: Iterator[InvalidExample] = invalid_examples(
            self._dice.getrandbits(32), plan.contract
        )
        self._unnamed: list[Receipt] = []
        self._number = 0

    def send_all(self) -> None:
        due = time.monotonic()
        while not self._workload.pause(due - time.monotonic()):
            due += self._every_s
            self._send(self._dice.random())
        self._publisher.flush()
        for receipt in self._unnamed:
            # These hold no readable identity: the message's stands in.
            self._workload.expect_message(receipt.result(), fate=Fate.REJECTED)

    def _send(self, die: float) -> None:
        if die < _SINGLES:
            self._publish("single", self._single())
        elif die < _SINGLES + _TABLES:
            self._publish("table", self._table())
        elif die < _SINGLES + _TABLES + _MALFORMED:
            self._unnamed.append(self._publish("malformed", next(self._malformed).payload, kind="malformed"))
        else:
            # A publisher whose answer was lost sends again: another message, the same reading.
            payload = self._single()
            for _ in range(2):
                self._publish("duplicate", payload)

    def _publish(self, counted: str, payload: bytes, **attributes: str) -> Receipt:
        self._workload.note(counted)
        # Pub/Sub takes no message that has neither payload nor attribute.
        return self._publisher.publish_payload(payload, {"publisher": self._name, **attributes})

    def _single(self) -> bytes:
        return json.dumps(self._observation(malformed=False)).encode()

    def _table(self) -> bytes:
        rows = [
            self._observation(malformed=self._dice.random() < _MALFORMED_ROWS)
            for _ in range(self._dice.randint(*_ROWS))
        ]
        return json.dumps({name: [row[name] for row in rows] for name in rows[0]}).encode()

    def _observation(self, *, malformed: bool) -> dict[str, Any]:
        reading: LabelledReading = self._readings.draw(self._dice)
        self._number += 1
        reading_id = f"{self._name}-{self._number}"
        fields = {**reading.fields, "reading_id": reading_id}
        if malformed:
            # No feature of any kind is such a number.
            fields |= dict.fromkeys(reading.fields, 1e300)
            self._workload.expect(reading_id, fate=Fate.REJECTED)
        else:
            self._workload.expect(reading_id, answer=reading.label)
        return fields
