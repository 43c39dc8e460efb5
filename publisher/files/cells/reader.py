"""CellReader: what people write in a cell, as the value of a field of a contract."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rookery.publisher.files.cells.missing import missing
from rookery.publisher.files.cells.numbers import NumberStyle, converted
from rookery.publisher.files.columns.names import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.feature import Feature

_DATE: Final = re.compile(
    r"(?:([0-9]{4})[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2}))\b.*"
)
_CENTURY: Final = 69
"""Two digits of a year from here on belong to the last century, as in POSIX."""

_FLAGS: Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}
_QUOTES: Final = "'\""


class CellReader:
    """Reads cells by a contract; `style` is how their file writes numbers, `factors` what a field's numbers are multiplied by."""

    def __init__(
        self,
        contract: CompiledContract,
        style: NumberStyle | None = None,
        factors: Mapping[str, float] | None = None,
    ) -> None:
        """Store the words of the contract."""
        said = contract.contract
        self.style = style or NumberStyle()
        self.factors = factors or {}
        self._features = {each.name: each for each in said.features}
        self._words = {each.name: _spelt(each) for each in said.features if each.categories}
        self._labels = {label.casefold(): label for label in said.labels} | {
            label: label for label in said.labels
        }

    def value(self, name: str, cell: str) -> float | str | bool | None:
        """Read one stripped cell; what cannot be read stays text, so that the contract refuses it in its own words."""
        spelt = self._words.get(name, {})
        if cell in spelt:
            return spelt[cell]
        if missing(cell, self.style.missing):
            return None
        feature = self._features.get(name)
        if feature is None:
            return cell
        if feature.kind == "category":
            return _category(cell, name, spelt)
        return _FLAGS.get(cell.casefold(), cell) if feature.kind == "flag" else self._number(feature, cell)

    def _number(self, feature: Feature, cell: str) -> float | str:
        if feature.date_part and (year := _year(cell)) is not None:
            return year
        number = self.style.read(cell)
        if number is not None:
            number = converted(number, self.factors.get(feature.name, 1))
        elif (number := self.style.with_unit(cell, feature.unit)) is None:
            return cell
        return int(number) if feature.kind == "integer" and number.is_integer() else number

    def label(self, cell: str) -> str | None:
        """The label that a cell names, by itself or by its first word; else the cell itself."""
        if cell in self._labels:
            return self._labels[cell]
        if missing(cell):
            return None
        cell = cell.strip(_QUOTES)
        return self._labels.get(cell.casefold()) or self._labels.get(words(cell).partition(" ")[0], cell)


def _category(cell: str, name: str, spelt: Mapping[str, str]) -> str:
    """The category that a cell names, also with the feature's name behind it, or signs around it."""
    for text in (cell.casefold(), words(cell)):
        if found := spelt.get(text) or spelt.get(text.removesuffix(f" {name}")):
            return found
    return cell


def _spelt(feature: Feature) -> dict[str, str]:
    """The category that each spelling means, in small letters or as the contract writes it."""
    spelt = {spelling.casefold(): word for spelling, word in feature.spellings.items()}
    spelt |= {word.casefold(): word for word in feature.categories}
    return spelt | {word: word for word in feature.categories}


def _year(cell: str) -> int | None:
    """The year of a date."""
    day = _DATE.fullmatch(cell)
    if day is None:
        return None
    short = day[2]
    if short is None or len(short) == len("2007"):
        return int(day[1] or short)
    return int(short) + (1900 if int(short) >= _CENTURY else 2000)
