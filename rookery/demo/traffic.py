"""Traffic: the readings that the demo publishes, entered in the ledger as they are sent."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from rookery.dataset.readings import table
from rookery.load.accounting.ledger import Fate
from rookery.schemas.testing import invalid_examples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rookery.dataset.readings import KnownReading
    from rookery.load.accounting.ledger import Ledger
    from rookery.publisher.client import ReadingPublisher
    from rookery.schemas.contract.compiled import CompiledContract

ROWS_PER_TABLE: Final = 43
SINGLE: Final = "single"
TABLE: Final = "table"
MALFORMED: Final = 20
BURST_ROUNDS: Final = 10
MALFORMED_KIND: Final = "malformed"
"""The attribute that names the defect of a malformed message; its rejection repeats it."""


class Traffic:
    """Sends shipped and malformed readings through one publisher, and enters each in the ledger.

    `answers` are the expected labels by the reading's number, `contract` that of the readings (the shipped one without it).
    """

    def __init__(
        self,
        publisher: ReadingPublisher,
        ledger: Ledger,
        *,
        answers: Mapping[int, str] | None = None,
        contract: CompiledContract | None = None,
    ) -> None:
        self._contract = contract
        self._publisher = publisher
        self._ledger = ledger
        self._answers = answers or {}

    def singles(self, readings: Sequence[KnownReading], *, prefix: str = SINGLE) -> int:
        """Publish each reading as a message of its own; returns the number of messages."""
        for reading in readings:
            self._enter(reading, prefix)
            self._publisher.publish_payload(reading.payload(prefix))
        self._publisher.flush()
        return len(readings)

    def tables(
        self, readings: Sequence[KnownReading], *, rows_per_table: int = ROWS_PER_TABLE, prefix: str = TABLE
    ) -> int:
        """Publish the readings as tables; returns the number of messages."""
        starts = range(0, len(readings), rows_per_table)
        for start in starts:
            group = readings[start : start + rows_per_table]
            for reading in group:
                self._enter(reading, prefix)
            self._publisher.publish(table(group, prefix, self._contract))
        self._publisher.flush()
        return len(starts)

    def burst(self, readings: Sequence[KnownReading], times: int = BURST_ROUNDS) -> int:
        """Publish all readings one by one, several times without a pause; returns the number of messages."""
        return sum(self.singles(readings, prefix=f"burst-{number}") for number in range(times))

    def malformed(self, seed: int, count: int = MALFORMED) -> int:
        """Publish readings that must be rejected; they hold no readable id, so that the message id stands in."""
        sent = [
            self._publisher.publish_payload(each.payload, {MALFORMED_KIND: each.kind})
            for each in islice(invalid_examples(seed, self._contract), count)
        ]
        for receipt in sent:
            self._ledger.publish_message(receipt.result(), fate=Fate.REJECTED)
        return len(sent)

    def _enter(self, reading: KnownReading, prefix: str) -> None:
        fate = Fate.PREDICTED if reading.complete else Fate.REJECTED
        self._ledger.publish(reading.reading_id(prefix), fate=fate, answer=self._answers.get(reading.number))
