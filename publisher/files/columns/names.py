"""Names of columns: the words of a name, and the field of a contract that they mean without any doubt."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rookery.publisher.files.columns import units

if TYPE_CHECKING:
    from rookery.schemas.contract.compiled import CompiledContract

REJECTED: Final = ("rejected_as", "rejected_line", "rejected_why")
"""Columns that a file of rejected rows has before the columns of the file that they come from."""

DATE: Final = "date"
"""A column of dates, which a feature is taken from where it has no column of its own."""

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN: Final = re.compile(r"[\W_]+")
_CERTAIN: Final = 2
"""So many words that all speak for one feature, and for no other, leave no doubt."""

_REMEMBERED: Final = 10_000
"""Cells of first rows, names or not, that are remembered."""


def words(text: str) -> str:
    """The words of a name: small, without accents, units' brackets and underscores."""
    plain = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text))
    bare = "".join(each for each in plain if not unicodedata.combining(each))
    return _BETWEEN.sub(" ", bare).strip().casefold()


class Meaning(NamedTuple):
    """A field, and what a column's numbers are multiplied by to be in its unit."""

    field: str
    factor: float = 1


class FieldNames:
    """The names that columns may have for the fields of a contract: a feature's own, its aliases and hints."""

    def __init__(self, contract: CompiledContract) -> None:
        """Store the names; `dated` is the feature that a column of dates stands for, or None."""
        said = contract.contract
        self.contract = contract
        self.target = said.target
        self.fields = (*contract.members, said.target)
        self.dated = next((each.name for each in said.features if each.date_part), None)
        self.units = {each.name: each.unit for each in said.features if each.numeric and each.unit}
        self._known = {words(name): name for name in (*self.fields, *REJECTED)}
        self._known |= {words(alias): said.target for alias in said.target_aliases}
        self._hints: dict[str, set[str]] = {said.target: {words(said.target)}}
        for feature in said.features:
            self._known |= {words(alias): feature.name for alias in feature.aliases}
            self._known |= {words(alias): DATE for alias in feature.date_aliases}
            self._hints[feature.name] = {*feature.hints}
        self._meant: dict[str, Meaning | None] = {}
        self._bare = {
            units.split(name)[0]: field for name, field in self._known.items() if field in self.units
        }

    def understood(self, name: str) -> str | None:
        """The field, `date`, or part of a rejected row that a column's name means without any doubt, in the contract's unit."""
        found = self.meaning(name)
        return found.field if found is not None and found.factor == 1 else None

    def meaning(self, name: str) -> Meaning | None:
        """The same with the unit that the name ends with."""
        if name not in self._meant:
            if len(self._meant) == _REMEMBERED:
                self._meant.clear()
            self._meant[name] = self._meaning(name)
        return self._meant[name]

    def _meaning(self, name: str) -> Meaning | None:
        if name in self.fields:
            return Meaning(name)
        text = words(name)
        if (field := self._known.get(text)) is not None:
            return Meaning(field)
        base, unit = units.split(text)
        field = self._bare.get(base) if unit else None
        field = field or self._by_hints(base)
        if field is None or unit is None:
            return None if field is None else Meaning(field)
        times = units.factor(unit, self.units.get(field))
        return None if times is None else Meaning(field, times)

    def _by_hints(self, base: str) -> str | None:
        spoken = {*base.split()}
        found = [field for field, hints in self._hints.items() if spoken <= hints]
        return found[0] if len(spoken) >= _CERTAIN and len(found) == 1 else None

    def possible(self, name: str) -> list[str]:
        """The fields that a name may mean: those that most of its words speak for, in the unit that it may end with."""
        base, unit = units.split(words(name))
        spoken = base.split()
        counts = {
            field: sum(word in hints for word in spoken)
            for field, hints in self._hints.items()
            if unit is None or field not in self.units or units.factor(unit, self.units[field]) is not None
        }
        most = max(counts.values(), default=0)
        return [field for field, count in counts.items() if most and count == most]


@lru_cache(maxsize=16)
def field_names(contract: CompiledContract) -> FieldNames:
    """The names for a contract, made once."""
    return FieldNames(contract)
