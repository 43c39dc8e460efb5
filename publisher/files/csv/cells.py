"""Cells: what people write in a cell, as a reading's value or as the JSON of a whole column.

The JSON is put together from the text itself: what came as 39.1 leaves as 39.1, and no number is parsed
twice. Cells that are not plainly valid raise UnfitError, and are then read row by row, with reasons.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from rookery.publisher.files.csv.header import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.feature import Feature

MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", ".", "?", "_", "-"})
"""Spellings of a missing value, in small letters; R writes NA, pandas nothing, Kaggle `.`, OpenML `?` or `_`."""

_LONGEST_MISSING: Final = max(map(len, MISSING))

NULL: Final = "null"
_NULLS: Final = {
    spelt: NULL for word in MISSING for spelt in (word, word.upper(), word.capitalize(), "NaN", "#N/A", "N/a")
}
# Only what a CSV writer writes: float() would also take "1_000", "nan", "infinity" and other scripts' digits.
_NUMBER: Final = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]+)?")
_FRACTION: Final = re.compile("[.eE]")
_OF_NUMBERS: Final = b"0123456789.-+eEnul,"
_DATE: Final = re.compile(
    r"(?:([0-9]{4})[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2}))\b.*"
)
_CENTURY: Final = 69
"""Two digits of a year from here on belong to the last century, as in POSIX."""

_MOST_WORDS: Final = 10_000
"""Different cells of a column that are remembered."""

_FLAGS: Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
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


class CellReader:
    """Reads cells by a contract: one at a time as values, or a column of them as JSON."""

    def __init__(self, contract: CompiledContract) -> None:
        """Store the words of the contract; nothing is remembered yet."""
        said = contract.contract
        self._kinds = {each.name: each.kind for each in said.features}
        self._dated = frozenset(each.name for each in said.features if each.date_part)
        self._words = {each.name: _spelt(each) for each in said.features if each.categories}
        self._labels = {label.casefold(): label for label in said.labels} | {
            label: label for label in said.labels
        }
        self._read = {
            each.name: _Remembered(self, each, anything=said.unknown_categories == "missing")
            for each in said.features
            if each.kind in {"category", "flag"} or each.date_part
        }

    def value(self, name: str, cell: str) -> float | str | bool | None:
        """Read one stripped cell; what cannot be read stays text, so that the contract refuses it in its own words."""
        spelt = self._words.get(name, {})
        if cell in spelt:
            return spelt[cell]
        if missing(cell):
            return None
        kind = self._kinds.get(name)
        if kind == "category":
            text = cell.casefold()
            return spelt.get(text) or spelt.get(text.removesuffix(f" {name}"), cell)
        if kind == "flag":
            return _FLAGS.get(cell.casefold(), cell)
        if kind == "integer":
            return _integer(cell, dated=name in self._dated)
        return _number(cell) if kind == "number" else cell

    def label(self, cell: str) -> str | None:
        """The label that a cell names, by itself or by its first word; else the cell itself."""
        if cell in self._labels:
            return self._labels[cell]
        if missing(cell):
            return None
        return self._labels.get(cell.casefold()) or self._labels.get(words(cell).partition(" ")[0], cell)

    def json(self, name: str, cells: Sequence[str]) -> str:
        """A column of one field as JSON, values with commas between; raises UnfitError."""
        if name in self._read:
            read = self._read[name]
            return ",".join([read[cell] for cell in cells])
        kind = self._kinds.get(name)
        if kind == "number":
            return _numbers(cells)
        if kind == "integer":
            text = _numbers(cells)
            if not _FRACTION.search(text):
                return text
        stripped = (cell.strip() for cell in cells)
        return to_json([self.value(name, cell) for cell in stripped]).decode()[1:-1]


def _spelt(feature: Feature) -> dict[str, str]:
    """The category that each spelling means, in small letters or as the contract writes it."""
    spelt = {spelling.casefold(): word for spelling, word in feature.spellings.items()}
    spelt |= {word.casefold(): word for word in feature.categories}
    return spelt | {word: word for word in feature.categories}


class _Remembered(dict[str, str]):
    """Cells of few different words, each read once: its JSON by the cell as it was written."""

    def __init__(self, reader: CellReader, feature: Feature, *, anything: bool) -> None:
        super().__init__()
        self._reader = reader
        self._feature = feature
        self._anything = anything

    def __missing__(self, cell: str) -> str:
        read = self._reader.value(self._feature.name, cell.strip())
        fits = read is None or isinstance(read, int) or read in self._feature.categories
        if not fits and not (self._anything and isinstance(read, str)):
            raise UnfitError
        if len(self) == _MOST_WORDS:
            self.clear()
        self[cell] = text = to_json(read).decode()
        return text


def _number(cell: str) -> float | str:
    return float(cell.replace(",", ".")) if _NUMBER.fullmatch(cell) else cell


def _integer(cell: str, *, dated: bool) -> float | str:
    """A whole number, which a table with gaps writes as 2007.0, or the year of a date."""
    day = _DATE.fullmatch(cell) if dated else None
    if day is not None:
        short = day[2]
        if short is None or len(short) == len("2007"):
            return int(day[1] or short)
        return int(short) + (1900 if int(short) >= _CENTURY else 2000)
    number = _number(cell)
    return int(number) if isinstance(number, float) and number.is_integer() else number


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
