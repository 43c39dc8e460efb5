"""ShippedReading: one row of the real penguins, measured or not, with the species that the observers wrote down."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery import data
from rookery.errors import UserError
from rookery.schemas.features import FEATURES
from rookery.schemas.reading import MEASUREMENTS
from rookery.schemas.table import ReadingTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PENGUINS: Final = Path(data.__path__[0]) / "penguins.csv"
_MISSING: Final = "NA"


@dataclass(frozen=True, slots=True)
class ShippedReading:
    """What is known of one bird; `species` is the observers' word, `measured` whether a model can tell."""

    number: int
    fields: dict[str, Any]
    species: str
    measured: bool

    def reading_id(self, prefix: str) -> str:
        """The identity of this bird's observation on one of its journeys."""
        return f"{prefix}-{self.number}"

    def payload(self, prefix: str) -> bytes:
        """The bird as a single reading."""
        return json.dumps({**self.fields, "reading_id": self.reading_id(prefix)}).encode()


def flock(path: Path = PENGUINS) -> list[ShippedReading]:
    """Every row of our own file, the two that nobody measured too; raises UserError where it cannot be read.

    Nothing is judged here, unlike in the publisher: it is the worker that has to refuse the unmeasured.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_bird(number, row) for number, row in enumerate(csv.DictReader(file))]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"The penguins cannot be read from {path}: {error}") from error


def table(birds: Sequence[ShippedReading], prefix: str) -> ReadingTable:
    """Birds as one table, column by column."""
    columns: dict[str, list[Any]] = {name: [bird.fields.get(name) for bird in birds] for name in FEATURES}
    return ReadingTable(**columns, reading_id=[bird.reading_id(prefix) for bird in birds])


def _bird(number: int, row: Mapping[str, str]) -> ShippedReading:
    fields = {name: _value(name, row[name]) for name in FEATURES if row[name] != _MISSING}
    measured = not fields.keys().isdisjoint(MEASUREMENTS)
    return ShippedReading(number=number, fields=fields, species=row["species"], measured=measured)


def _value(name: str, cell: str) -> float | int | str:
    if name in MEASUREMENTS:
        return float(cell)
    return int(cell) if name == "year" else cell
