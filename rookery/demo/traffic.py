"""Traffic: what the demo publishes, entered in the ledger as it leaves."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from rookery.dataset.readings import table
from rookery.load.accounting.ledger import Fate
from rookery.schemas.testing import spoilt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rookery.dataset.readings import ShippedReading
    from rookery.load.accounting.ledger import Ledger
    from rookery.publisher.client import ReadingPublisher

ROWS_PER_TABLE: Final = 43
SINGLE: Final = "single"
TABLE: Final = "table"
SPOILT: Final = 20
RUSHES: Final = 10
SPOILT_HOW: Final = "spoilt"
"""The attribute that says of a spoilt message how it was spoilt; its rejection repeats it."""


class Traffic:
    """Sends birds and spoilt readings through one publisher; each gets its line in the ledger.

    `answers` are what the model says of each bird when asked directly, by the bird's number.
    """

    def __init__(
        self, publisher: ReadingPublisher, ledger: Ledger, *, answers: Mapping[int, str] | None = None
    ) -> None:
        self._publisher = publisher
        self._ledger = ledger
        self._answers = answers or {}

    def singles(self, birds: Sequence[ShippedReading], *, prefix: str = SINGLE) -> int:
        """Publish each bird as a message of its own; returns how many messages."""
        for bird in birds:
            self._enter(bird, prefix)
            self._publisher.publish_payload(bird.payload(prefix))
        self._publisher.flush()
        return len(birds)

    def tables(
        self, birds: Sequence[ShippedReading], *, rows_per_table: int = ROWS_PER_TABLE, prefix: str = TABLE
    ) -> int:
        """Publish the birds as tables; returns how many messages."""
        starts = range(0, len(birds), rows_per_table)
        for start in starts:
            group = birds[start : start + rows_per_table]
            for bird in group:
                self._enter(bird, prefix)
            self._publisher.publish(table(group, prefix))
        self._publisher.flush()
        return len(starts)

    def rush(self, birds: Sequence[ShippedReading], times: int = RUSHES) -> int:
        """Publish the whole flock one by one, again and again without a pause; returns how many messages."""
        return sum(self.singles(birds, prefix=f"rush-{number}") for number in range(times))

    def spoilt(self, seed: int, count: int = SPOILT) -> int:
        """Publish readings that must be refused; nobody can read an id in them, so the message's stands in."""
        sent = [
            self._publisher.publish_payload(each.payload, {SPOILT_HOW: each.kind})
            for each in islice(spoilt(seed), count)
        ]
        for receipt in sent:
            self._ledger.publish_message(receipt.result(), fate=Fate.REJECTED)
        return len(sent)

    def _enter(self, bird: ShippedReading, prefix: str) -> None:
        fate = Fate.PREDICTED if bird.measured else Fate.REJECTED
        self._ledger.publish(bird.reading_id(prefix), fate=fate, answer=self._answers.get(bird.number))
