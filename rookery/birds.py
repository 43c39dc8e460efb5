"""Bird: one row of the real penguins, measured or not, with the species that the observers wrote down."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from publisher.bad_row import BadRow
from publisher.csv_rows import LABEL, MISSING, CsvFile
from publisher.errors import BadFileError
from rookery.errors import Trouble
from schemas.table import ReadingTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.csv_rows import CsvRow

PENGUINS: Final = Path(__file__).parents[1] / "data" / "penguins.csv"


@dataclass(frozen=True, slots=True)
class Bird:
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


def flock(path: Path = PENGUINS) -> list[Bird]:
    """Every row of the file, those without any measurement too; raises Trouble where it cannot be read."""
    try:
        rows = list(CsvFile(path).rows())
        with path.open(newline="", encoding="utf-8-sig") as file:
            names = next(csv.reader(file))
    except (OSError, BadFileError) as error:
        raise Trouble(f"The penguins cannot be read: {error}") from error
    return [_bird(each, names, number) for number, each in enumerate(rows)]


def table(birds: Sequence[Bird], prefix: str) -> ReadingTable:
    """Birds as one table, column by column."""
    names = list(dict.fromkeys(name for bird in birds for name in bird.fields))
    columns: dict[str, list[Any]] = {name: [bird.fields.get(name) for bird in birds] for name in names}
    columns["reading_id"] = [bird.reading_id(prefix) for bird in birds]
    return ReadingTable(**columns)


def _bird(row: CsvRow | BadRow, names: Sequence[str], number: int) -> Bird:
    if isinstance(row, BadRow):
        # Two birds were seen and never measured. They travel too: it is the worker that has to refuse them.
        cells = dict(zip(names, next(csv.reader([row.text])), strict=False))
        known = {name: cell for name, cell in cells.items() if cell not in MISSING}
        species = known.pop(LABEL, "")
        known["year"] = int(known["year"])  # type: ignore[assignment]  # the one number that they have
        return Bird(number=number, fields=known, species=species, measured=False)
    fields = row.reading.model_dump(exclude_none=True, exclude={"reading_id"})
    return Bird(number=number, fields=fields, species=row.label or "", measured=True)
