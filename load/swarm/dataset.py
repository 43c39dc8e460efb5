"""KnownReadings: readings as JSON without their identities, with the label that a model predicts for them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from rookery.load.accounting.ledger import Fate
from rookery.load.accounting.published_log import PublishedEntry
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rookery.schemas.contract.compiled import CompiledContract

COUNT: Final = 1000
_SHOWN: Final = 300


class KnownReadings:
    """A fixed set; `labels[i]` is the expected answer to reading i, or Fate.PREDICTED where none is known."""

    def __init__(self, fields: Sequence[dict[str, Any]], labels: Sequence[str]) -> None:
        self.fields = fields
        self.labels = labels
        self._rests = [json.dumps(each, separators=(",", ":"))[1:] for each in fields]
        self._columns: dict[int, str] = {}

    @classmethod
    def seeded(cls, seed: int, count: int = COUNT, *, contract: CompiledContract | None = None) -> Self:
        """Random readings of a contract (the shipped one without it), without expected answers."""
        factory = ReadingFactory(seed, contract)
        return cls([factory.fields() for _ in range(count)], [Fate.PREDICTED.value] * count)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; raises OSError and ValueError."""
        known = json.loads(path.read_text())
        return cls(known["fields"], known["labels"])

    def save(self, path: Path) -> None:
        """Write them down for another process; raises OSError."""
        path.write_text(json.dumps({"fields": self.fields, "labels": self.labels}))

    def single(self, number: int, reading_id: str, *, device: str) -> bytes:
        """One reading, observed by a device now, as the payload of a message."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        known = f'"reading_id":"{reading_id}","device_id":"{device}","observed_at":"{now}"'
        return f"{{{known},{self._rests[number % len(self._rests)]}".encode()

    def table(self, reading_ids: Sequence[str]) -> bytes:
        """The first readings, one for each identity, as one table; raises ValueError for more than all."""
        rows = len(reading_ids)
        if rows > len(self.fields):
            message = f"a table of {rows} rows: there are only {len(self.fields)} readings"
            raise ValueError(message)
        if rows not in self._columns:
            columns = {name: [each[name] for each in self.fields[:rows]] for name in self.fields[0]}
            self._columns[rows] = json.dumps(columns, separators=(",", ":"))[1:]
        return f'{{"reading_id":{json.dumps(reading_ids)},{self._columns[rows]}'.encode()

    def entry(self, number: int, reading_id: str) -> PublishedEntry:
        """The entry of a reading in the published log."""
        return PublishedEntry(reading_id, self.labels[number % len(self.labels)])

    def mismatch(self, number: int, answer: bytes) -> str:
        """Say why the body that `/predict` answered to reading `number` is not the expected one; empty where it is."""
        try:
            (one,) = json.loads(answer)["predictions"]
            likeliest = max(one["probabilities"].items(), key=lambda each: each[1])[0]
        except (ValueError, KeyError, TypeError):
            return f"one prediction is needed: {answer[:_SHOWN]!r}"
        expected = self.entry(number, "").expected
        return "" if expected in {Fate.PREDICTED, likeliest} else f"{expected} is expected, {likeliest} came"
