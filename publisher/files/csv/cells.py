"""Cells: what people write in a cell, as a reading's value or as the JSON of a whole column.

The JSON is put together from the text itself: what came as 39.1 leaves as 39.1, and no number is parsed
twice. Cells that are not plainly valid raise UnfitError, and are then read row by row, with reasons.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from rookery.publisher.files.csv.header import words
from rookery.schemas.features import CATEGORIES
from rookery.schemas.reading import MEASUREMENTS, SPECIES

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", ".", "?", "_", "-"})
"""Spellings of a missing value, in small letters; R writes NA, pandas nothing, Kaggle `.`, OpenML `?` or `_`."""

_LONGEST_MISSING: Final = max(map(len, MISSING))

NULL: Final = "null"
_NULLS: Final = {
    spelt: NULL for word in MISSING for spelt in (word, word.upper(), word.capitalize(), "NaN", "#N/A", "N/a")
}
# Only what a CSV writer writes: float() would also take "1_000", "nan", "infinity" and other scripts' digits.
_NUMBER: Final = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]+)?")
_OF_NUMBERS: Final = b"0123456789.-+eEnul,"
_DATE: Final = re.compile(
    r"(?:([0-9]{4})[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2}))\b.*"
)
_CENTURY: Final = 69
"""Two digits of a year from here on belong to the last century, as in POSIX."""

_SPELT: Final = {"f": "female", "m": "male"}
_WORDS: Final = {
    name: {**{each.casefold(): each for each in known}, **(_SPELT if name == "sex" else {})}
    for name, known in CATEGORIES.items()
}


class UnfitError(Exception):
    """Something in the column is not plainly right; no more is known yet."""


def missing(cell: str) -> bool:
    """Whether a stripped cell stands for nothing."""
    return len(cell) <= _LONGEST_MISSING and cell.casefold() in MISSING


def stated(cell: str) -> str:
    """A cell without the spaces around it; empty where its value is missing."""
    said = cell.strip()
    return "" if missing(said) else said


def value(name: str, cell: str) -> float | str | None:
    """Read one stripped cell; what cannot be read stays text, so that the schema refuses it in its own words."""
    if missing(cell):
        return None
    if name in CATEGORIES:
        return _category(name, cell)
    if name == "year":
        return _year(cell)
    return _number(cell) if name in MEASUREMENTS else cell


def label(cell: str) -> str | None:
    """The species that a cell names: `Adelie` for `Adelie Penguin (Pygoscelis adeliae)`; else the cell itself."""
    if missing(cell):
        return None
    first = words(cell).partition(" ")[0]
    return next((species for species in SPECIES if species.casefold() == first), cell)


def _category(name: str, cell: str) -> str:
    text = cell.casefold()
    if name == "island":
        text = text.removesuffix(" island")
    return _WORDS[name].get(text, cell)


def _number(cell: str) -> float | str:
    return float(cell.replace(",", ".")) if _NUMBER.fullmatch(cell) else cell


def _year(cell: str) -> float | str:
    """A year, which a table with gaps writes as 2007.0, or the year of a day."""
    day = _DATE.fullmatch(cell)
    if day is not None:
        short = day[2]
        if short is None or len(short) == len("2007"):
            return int(day[1] or short)
        return int(short) + (1900 if int(short) >= _CENTURY else 2000)
    number = _number(cell)
    return int(number) if isinstance(number, float) and number.is_integer() else number


class _Read(dict[str, str]):
    """Cells of few different words, each read once: its JSON by the cell as it was written."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, cell: str) -> str:
        read = value(self._name, cell.strip())
        fits = read is None or isinstance(read, int) or read in CATEGORIES.get(self._name, ())
        if not fits:
            raise UnfitError
        self[cell] = text = to_json(read).decode()
        return text


class ColumnReader:
    """Turns columns of cells into columns of JSON, values with commas between; raises UnfitError."""

    def __init__(self) -> None:
        self._read = {name: _Read(name) for name in (*CATEGORIES, "year")}

    def json(self, name: str, cells: Sequence[str]) -> str:
        """A column of one field."""
        if name in MEASUREMENTS:
            return _numbers(cells)
        if name in self._read:
            read = self._read[name]
            return ",".join([read[cell] for cell in cells])
        stripped = (cell.strip() for cell in cells)
        return to_json([None if missing(cell) else cell for cell in stripped]).decode()[1:-1]


def _numbers(cells: Sequence[str]) -> str:
    text = ",".join(cells)
    if _plain(text) and text.count(",") == len(cells) - 1:
        return text
    text = ",".join([_NULLS.get(cell, cell) for cell in cells])
    if " " in text:
        return _numbers([cell.strip() for cell in cells]) if _padded(cells) else _unfit()
    if text.count(",") != len(cells) - 1:
        text = ",".join([_NULLS.get(cell, cell.replace(",", ".")) for cell in cells])
    # With these characters alone no cell can be more than one value; JSON's own rules decide the rest.
    if not text.isascii() or text.encode().translate(None, _OF_NUMBERS):
        raise UnfitError
    return text


def _plain(text: str) -> bool:
    """Whether it is digits, points and the commas between cells alone, and no cell stands for nothing."""
    if not text.isascii() or text.encode().translate(None, b"0123456789.,"):
        return False
    return text[:1] not in {"", ","} and text[-1] not in ".," and ",," not in text and ".," not in text


def _padded(cells: Sequence[str]) -> bool:
    return any(cell != cell.strip() for cell in cells)


def _unfit() -> str:
    raise UnfitError
