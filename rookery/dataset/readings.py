"""KnownReading: one labelled row of a data set, complete or not, with the label that the observers recorded."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery import data
from rookery.errors import UserError
from rookery.publisher.files.cells.reader import CellReader
from rookery.schemas.contract.default import default_compiled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.reading_classes import AnyTable

SHIPPED_FILE: Final = Path(data.__path__[0]) / f"{data.SHIPPED}.csv"


@dataclass(frozen=True, slots=True)
class KnownReading:
    """The features of one row; `label` is the observers' answer, `complete` whether it has the features to predict from."""

    number: int
    fields: dict[str, Any]
    label: str
    complete: bool

    def reading_id(self, prefix: str) -> str:
        """The reading's identity in one phase of the demo."""
        return f"{prefix}-{self.number}"

    def payload(self, prefix: str) -> bytes:
        """The row as a message with a single reading."""
        return json.dumps({**self.fields, "reading_id": self.reading_id(prefix)}).encode()


def known_readings(path: Path = SHIPPED_FILE, contract: CompiledContract | None = None) -> list[KnownReading]:
    """Every row of a CSV file with a contract's names, the shipped one without it; raises UserError where it cannot be read.

    No row is validated here: the worker has to reject those that lack what the contract needs.
    """
    by = contract or default_compiled()
    cells = CellReader(by)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_reading(number, row, by, cells) for number, row in enumerate(csv.DictReader(file))]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"The readings cannot be read from {path}: {error}") from error


def table(
    readings: Sequence[KnownReading], prefix: str, contract: CompiledContract | None = None
) -> AnyTable:
    """Readings as one table, column by column."""
    by = contract or default_compiled()
    columns: dict[str, list[Any]] = {name: [each.fields.get(name) for each in readings] for name in by.names}
    return by.table(**columns, reading_id=[each.reading_id(prefix) for each in readings])


def _reading(
    number: int, row: Mapping[str, str], contract: CompiledContract, cells: CellReader
) -> KnownReading:
    stated = {name: cells.value(name, row[name]) for name in contract.names}
    fields = {name: value for name, value in stated.items() if value is not None}
    complete = contract.lacking(fields) is None and contract.required <= fields.keys()
    label = cells.label(row[contract.contract.target]) or ""
    return KnownReading(number=number, fields=fields, label=label, complete=complete)
