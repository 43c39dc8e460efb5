"""ShippedReading: one row of the penguins data set, measured or not, with the species that the observers recorded."""

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
    """The features of one row; `species` is the observers' label, `measured` whether it has a measurement to predict from."""

    number: int
    fields: dict[str, Any]
    species: str
    measured: bool

    def reading_id(self, prefix: str) -> str:
        """The reading's identity in one phase of the demo."""
        return f"{prefix}-{self.number}"

    def payload(self, prefix: str) -> bytes:
        """The row as a message with a single reading."""
        return json.dumps({**self.fields, "reading_id": self.reading_id(prefix)}).encode()


def shipped_readings(path: Path = PENGUINS) -> list[ShippedReading]:
    """Every row of the shipped file, the two without measurements too; raises UserError where it cannot be read.

    No row is validated here: the worker has to reject those without measurements.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_reading(number, row) for number, row in enumerate(csv.DictReader(file))]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"The penguins cannot be read from {path}: {error}") from error


def table(readings: Sequence[ShippedReading], prefix: str) -> ReadingTable:
    """Readings as one table, column by column."""
    columns: dict[str, list[Any]] = {name: [each.fields.get(name) for each in readings] for name in FEATURES}
    return ReadingTable(**columns, reading_id=[each.reading_id(prefix) for each in readings])


def _reading(number: int, row: Mapping[str, str]) -> ShippedReading:
    fields = {name: _value(name, row[name]) for name in FEATURES if row[name] != _MISSING}
    measured = not fields.keys().isdisjoint(MEASUREMENTS)
    return ShippedReading(number=number, fields=fields, species=row["species"], measured=measured)


def _value(name: str, cell: str) -> float | int | str:
    if name in MEASUREMENTS:
        return float(cell)
    return int(cell) if name == "year" else cell
