"""TrainingData: the known penguins of a CSV file as the model sees them, or every reason why the file is unusable."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import ValidationError

from rookery.schemas.features import FEATURES, matrix
from rookery.schemas.reading import MEASUREMENTS, SPECIES, Reading
from rookery.schemas.rejection import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FEWEST: Final = 10
"""Penguins of each species without which nothing can be learned and cross-validated."""

_UNKNOWN: Final = frozenset({"", "NA"})
_SHOWN: Final = 10


class TrainingDataError(ValueError):
    """The file cannot be trained on; carries every reason and shows the first ten."""

    def __init__(self, path: Path, *reasons: str) -> None:
        more = f"\n  and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        super().__init__(
            f"{path} cannot be trained on:" + "".join(f"\n  {each}" for each in reasons[:_SHOWN]) + more
        )
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Known penguins: features (penguins, 7) float32 with NaN for missing, species (penguins,) as positions in SPECIES.

    `left_out` counts rows without any measurement; `digest` is the sha256 of the whole file.
    """

    matrix: NDArray[np.float32]
    species: NDArray[np.intp]
    left_out: int
    digest: str

    def __len__(self) -> int:
        return len(self.species)


def read(path: Path) -> TrainingData:
    """Read a CSV file with the columns `species` and FEATURES; empty cells and NA are missing. Raises TrainingDataError."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise TrainingDataError(path, error.strerror or str(error)) from None
    except UnicodeDecodeError as error:
        raise TrainingDataError(path, f"it is no UTF-8 text: {error.reason} at byte {error.start}") from None
    readings: list[Reading] = []
    species: list[int] = []
    wrong: list[str] = []
    left_out = 0
    for line, cells in _rows(path, text):
        row = _row_of(cells)
        if isinstance(row, list):
            wrong.extend(f"line {line}: {each}" for each in row)
        elif row is None:
            left_out += 1
        else:
            readings.append(row)
            species.append(SPECIES.index(cells["species"]))
    wrong.extend(_too_few(species) if not wrong else ())
    if wrong:
        raise TrainingDataError(path, *wrong)
    return TrainingData(matrix(readings), np.array(species), left_out, hashlib.sha256(raw).hexdigest())


def _rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Give each row with its line number; raises TrainingDataError where the file is no table with our columns."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines, [])
        if absent := [name for name in ("species", *FEATURES) if header.count(name) != 1]:
            raise TrainingDataError(path, *(f"column {name} is needed, once" for name in absent))
        for cells in lines:
            if len(cells) != len(header):
                reason = f"line {lines.line_num}: {len(header)} cells are needed, this row has {len(cells)}"
                raise TrainingDataError(path, reason)
            yield lines.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise TrainingDataError(path, f"line {lines.line_num}: it is no CSV: {error}") from None


def _row_of(cells: dict[str, str]) -> Reading | list[str] | None:
    """Return the row's reading, None where nothing was measured, or every reason against it."""
    values = {name: _value(name, cells[name]) for name in FEATURES}
    wrong = []
    if cells["species"] not in SPECIES:
        wrong.append(f'species: one of {", ".join(SPECIES)} is needed ("{cells["species"]}")')
    if not wrong and all(values[name] is None for name in MEASUREMENTS):
        return None
    try:
        reading = Reading.model_validate(values)
    except ValidationError as error:
        wrong += [f"{each.field}: {each.rule} ({each.value})" for each in reasons(error)]
    return wrong or reading


def _value(name: str, cell: str) -> str | float | None:
    """Read one cell; what is no number stays text, so that the schema refuses it in its own words."""
    if cell in _UNKNOWN:
        return None
    if name in ("sex", "island"):
        return cell
    try:
        return int(cell) if name == "year" else float(cell)
    except ValueError:
        return cell


def _too_few(species: list[int]) -> list[str]:
    counts = {name: species.count(code) for code, name in enumerate(SPECIES)}
    return [
        f"{FEWEST} measured penguins of {name} are needed, the file has {count}"
        for name, count in counts.items()
        if count < FEWEST
    ]
