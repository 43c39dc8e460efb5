"""CsvHeader: which column of a file is which field of a reading, by the names that people really write."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rookery.publisher.errors import BadFileError
from rookery.schemas.output.spreadsheet import unguarded
from rookery.schemas.rejection import Reason, shortened, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from rookery.schemas.contract.compiled import CompiledContract

REJECTED: Final = ("rejected_as", "rejected_line", "rejected_why")
"""Columns that a file of rejected rows has before the columns of the file that they come from."""

DATE: Final = "date"
"""A column of dates, which a feature is taken from where it has no column of its own."""

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN: Final = re.compile(r"[\W_]+")


def words(text: str) -> str:
    """The words of a name: small, without accents, units' brackets and underscores."""
    plain = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text))
    bare = "".join(each for each in plain if not unicodedata.combining(each))
    return _BETWEEN.sub(" ", bare).strip().casefold()


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """A header read: its names, and where each field is found; `left` names the other columns."""

    names: tuple[str, ...]
    places: Mapping[str, int]

    @property
    def left(self) -> tuple[str, ...]:
        """The names of the columns that mean nothing to a reading."""
        used = set(self.places.values())
        return tuple(name for place, name in enumerate(self.names) if place not in used)


class ColumnNames:
    """The names that a file's columns may have for the fields of a contract: a feature's own, its aliases and hints."""

    def __init__(self, contract: CompiledContract) -> None:
        """Store the names; `dated` is the feature that a column of dates stands for, or None."""
        said = contract.contract
        self.contract = contract
        self.target = said.target
        self.fields = (*contract.members, said.target)
        self.dated = next((each.name for each in said.features if each.date_part), None)
        self._known = {words(name): name for name in (*self.fields, *REJECTED)}
        self._known |= {words(alias): said.target for alias in said.target_aliases}
        self._hinted: dict[str, tuple[str, ...]] = {words(said.target): (said.target,)}
        for feature in said.features:
            self._known |= {words(alias): feature.name for alias in feature.aliases}
            self._known |= {words(alias): DATE for alias in feature.date_aliases}
            for hint in feature.hints:
                self._hinted[hint] = (*self._hinted.get(hint, ()), feature.name)

    def understood(self, name: str) -> str | None:
        """The field, `date`, or part of a rejected row that a column's name means without any doubt."""
        return name if name in self.fields else self._known.get(words(name))

    def columns(
        self, file: str, header: Sequence[str], mapping: Mapping[str, str] | None = None
    ) -> CsvHeader:
        """Read a header; `mapping` says of some columns what they are ("" is nothing).

        Raises BadFileError with every reason; what may mean several things is asked for, never guessed.
        """
        names = tuple(name.strip() for name in header)
        if any(self.understood(name) == REJECTED[0] for name in names):
            names = tuple(map(unguarded, names))
        chosen = mapping or {}
        meant = [chosen[name] or None if name in chosen else self.understood(name) for name in names]
        reasons = [*self._mapping_reasons(names, chosen), *self._reasons(names, meant, chosen)]
        if reasons:
            raise BadFileError(file, *reasons)
        places = {field: meant.index(field) for field in dict.fromkeys(meant) if field is not None}
        if self.dated is None or self.dated in places:
            places.pop(DATE, None)
        return CsvHeader(names=names, places=places)

    def _mapping_reasons(self, names: Sequence[str], mapping: Mapping[str, str]) -> Iterator[Reason]:
        for name, field in mapping.items():
            if name not in names:
                yield Reason(field="--map", rule="the file has no such column", value=shown(name))
            if field and field not in (*self.fields, DATE):
                rule = f"one of {shortened(', '.join(self.fields))} is needed"
                yield Reason(field="--map", rule=rule, value=shown(field))

    def _reasons(
        self, names: Sequence[str], meant: Sequence[str | None], mapping: Mapping[str, str]
    ) -> Iterator[Reason]:
        for field in dict.fromkeys(field for field in meant if field is not None):
            rivals = [name for name, other in zip(names, meant, strict=True) if other == field]
            if len(rivals) > 1:
                rule = f"only one column can be {field}; --map '{rivals[-1]}=' leaves one out"
                yield Reason(field="header", rule=rule, value=", ".join(map(shown, rivals)))
        for name, known in zip(names, meant, strict=True):
            proposals = [
                each
                for each in self._possible(name)
                if each not in meant and not self._from_date(each, meant)
            ]
            if known is None and name not in mapping and proposals:
                rule = f"what is this column? --map '{name}={proposals[0]}' says so, --map '{name}=' leaves it out"
                yield Reason(field="header", rule=rule, value=shown(name))
        yield from self._absent({*meant})

    def _absent(self, meant: set[str | None]) -> Iterator[Reason]:
        """The columns without which no row is a reading."""
        for group in self.contract.groups:
            if not meant & {*group}:
                rule = f"at least one column of {', '.join(group)} is needed"
                yield Reason(field="header", rule=rule)
        for name in self.contract.names:
            if name in self.contract.required and name not in meant and not self._from_date(name, meant):
                yield Reason(field="header", rule=f"a column of {name} is needed")
        if not self.contract.groups and not meant & {*self.contract.names, DATE}:
            features = shortened(", ".join(self.contract.names))
            yield Reason(field="header", rule=f"at least one column of {features} is needed")

    def _from_date(self, field: str, meant: Collection[str | None]) -> bool:
        return field == self.dated and DATE in meant

    def _possible(self, name: str) -> list[str]:
        """The fields that a name may mean, by its words."""
        return list(
            dict.fromkeys(field for word in words(name).split() for field in self._hinted.get(word, ()))
        )


@lru_cache(maxsize=16)
def column_names(contract: CompiledContract) -> ColumnNames:
    """The names for a contract, made once."""
    return ColumnNames(contract)
