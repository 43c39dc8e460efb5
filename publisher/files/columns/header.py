"""FileHeader: which column of a file is which field of a reading; what may be several things is asked for, never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.columns import units
from rookery.publisher.files.columns.names import DATE, REJECTED, FieldNames, Meaning, words
from rookery.publisher.files.options import FileOptions, quoted
from rookery.schemas.output.spreadsheet import unguarded
from rookery.schemas.rejection import Reason, shortened, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_VALUE: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
_FEW: Final = 12
"""Names of columns that a sentence lists."""


@dataclass(frozen=True, slots=True)
class FileHeader:
    """A header read: its names (a second one of a name has `.1` behind it), where each field is found, and by what its numbers are multiplied.

    `written` are the names as the file has them; `left` names the columns that are no field.
    """

    names: tuple[str, ...]
    places: Mapping[str, int]
    factors: Mapping[str, float] = field(default_factory=dict)
    written: tuple[str, ...] = ()

    @property
    def left(self) -> tuple[str, ...]:
        """The names of the columns that mean nothing to a reading."""
        used = set(self.places.values())
        return tuple(name for place, name in enumerate(self.names) if place not in used)


def distinct(header: Sequence[str]) -> tuple[str, ...]:
    """The names of columns, a name that was there before with `.1`, `.2` behind it."""
    names: dict[str, None] = {}
    for each in header:
        # Spaces and line breaks in a name are one space, as a user can write it.
        name = " ".join(each.split())
        others = (f"{name}.{nth}" for nth in count(1))
        names[
            name if name not in names or not name else next(each for each in others if each not in names)
        ] = None
        if not name:
            # Nameless columns cannot be distinguished, and need not be.
            names[f"\0{len(names)}"] = names.pop(name)
    return tuple("" if name.startswith("\0") else name for name in names)


def header_of(
    file: str,
    names: FieldNames,
    header: Sequence[str],
    options: FileOptions | None = None,
    hint: str = "",
) -> FileHeader:
    """Read a header; `options` say of some columns what they are ("" is nothing), and in what unit.

    `hint` says where the header was found, and which options read another. Raises BadFileError with every reason.
    """
    if any(names.understood(name) == REJECTED[0] for name in header):
        header = list(map(unguarded, header))
    if not any(map(str.strip, header)):
        raise BadFileError(
            file, Reason(field="header", rule=f"names of columns are needed{hint and '; '}{hint}")
        )
    asked = _Asked(names, header, options or FileOptions(), hint)
    if reasons := list(asked.reasons()):
        raise BadFileError(file, *reasons)
    places, factors = asked.places()
    return FileHeader(names=asked.header, places=places, factors=factors, written=tuple(header))


class _Asked:
    """The meanings of columns by their names and by the options of the user."""

    def __init__(
        self,
        names: FieldNames,
        written: Sequence[str],
        options: FileOptions,
        hint: str,
    ) -> None:
        self.header = distinct(written)
        self._names = names
        self._mapping = options.mapping
        self._units = options.units
        self._hint = hint
        self._meant = [
            self._meaning(name, each.strip()) for name, each in zip(self.header, written, strict=True)
        ]
        self._fields = [each and each.field for each in self._meant]

    def places(self) -> tuple[dict[str, int], dict[str, float]]:
        places = {each: self._fields.index(each) for each in dict.fromkeys(self._fields) if each is not None}
        if self._names.dated is None or self._names.dated in places:
            places.pop(DATE, None)
        factors = {each.field: each.factor for each in self._meant if each is not None and each.factor != 1}
        return places, factors

    def reasons(self) -> Iterator[Reason]:
        yield from self._options()
        yield from self._rivals()
        yield from self._questions()
        yield from self._absent({*self._fields})

    def _meaning(self, name: str, written: str) -> Meaning | None:
        found = self._names.meaning(written)
        if name in self._mapping:
            chosen = self._mapping[name]
            unit = units.split(words(name))[1]
            times = units.factor(unit or "", self._names.units.get(chosen))
            found = Meaning(chosen, times or 1) if chosen else None
        if found is not None and name in self._units:
            times = units.factor(self._units[name], self._names.units.get(found.field))
            found = Meaning(found.field, times or 1)
        return found

    def _options(self) -> Iterator[Reason]:
        for option, said in (("--map", self._mapping), ("--unit", self._units)):
            for name in said:
                if name not in self.header:
                    has = f"the file has no such column; it has {_listed(self.header)}{self._also}"
                    yield Reason(field=option, rule=has, value=shown(name))
        for chosen in self._mapping.values():
            if chosen and chosen not in (*self._names.fields, DATE):
                rule = f"one of {shortened(', '.join(self._names.fields))} is needed"
                yield Reason(field="--map", rule=rule, value=shown(chosen))
        for name, meant in zip(self.header, self._meant, strict=True):
            if name in self._units and meant is not None:
                into = self._names.units.get(meant.field)
                if units.factor(self._units[name], into) is None:
                    rule = f"{meant.field} is in {into or 'no unit'}, which this cannot be converted to"
                    yield Reason(field="--unit", rule=rule, value=shown(self._units[name]))

    def _rivals(self) -> Iterator[Reason]:
        for each in dict.fromkeys(filter(None, self._fields)):
            rivals = [name for name, other in zip(self.header, self._fields, strict=True) if other == each]
            if len(rivals) > 1:
                out = " ".join(f"--map {quoted(f'{name}=')}" for name in rivals[1:])
                rule = f"only one column can be {each}; {out} keeps the first"
                yield Reason(field="header", rule=rule, value=", ".join(map(shown, rivals)))

    def _questions(self) -> Iterator[Reason]:
        taken = {*self._fields}
        if self._names.dated and DATE in taken:
            taken.add(self._names.dated)
        unknown = [
            name
            for name, meant in zip(self.header, self._meant, strict=True)
            if meant is None and name and name not in self._mapping
        ]
        possible = {
            name: proposals
            for name in unknown
            if (proposals := [each for each in self._names.possible(name) if each not in taken])
        }
        # A name that can be one thing only comes first: no feature is proposed for two columns.
        for name, proposals in sorted(possible.items(), key=lambda one: len(one[1])):
            left = [each for each in proposals if each not in taken]
            says = " or ".join(f"--map {quoted(f'{name}={each}')}" for each in left)
            says = f"{says} says so, " if left else ""
            taken |= {*left[:1]} if len(left) == 1 else set()
            rule = f"what is this column? {says}--map {quoted(f'{name}=')} leaves it out"
            yield Reason(field="header", rule=rule, value=shown(name))

    def _absent(self, meant: set[str | None]) -> Iterator[Reason]:
        """The columns without which no row is a reading."""
        contract = self._names.contract
        groups = [group for group in contract.groups if not meant & {*group}]
        needs = [f"at least one column of {shortened(', '.join(group))} is needed" for group in groups]
        needs += [
            f"a column of {name} is needed"
            for name in contract.names
            if name in contract.required and name not in meant and not self._from_date(name, meant)
        ]
        if not contract.groups and not meant & {*contract.names, DATE}:
            needs.append(f"at least one column of {shortened(', '.join(contract.names))} is needed")
        for need in needs:
            yield Reason(field="header", rule=f"{need}; {self._instead(groups)}")

    def _instead(self, groups: Sequence[Sequence[str]]) -> str:
        if sum(_VALUE.fullmatch(name) is not None for name in self.header) > 1:
            return f"the header holds values, and no names: {_listed(self.header)}{self._also}"
        example = groups[0][0] if groups else self._names.contract.names[0]
        says = " or ".join(f"--map {quoted(each)}" for each in self._likely() or [f"COLUMN={example}"])
        return f"the columns are {_listed(self.header)}: {says} says which is one{self._also}"

    @property
    def _also(self) -> str:
        return self._hint and f"; {self._hint}"

    def _likely(self) -> list[str]:
        """The features that one column may be, by the unit that its name ends with and no other has."""
        for name in self.header:
            unit = units.split(words(name))[1] or ""
            fields = [
                each for each, into in self._names.units.items() if units.factor(unit, into) is not None
            ]
            if fields:
                return [f"{name}={field}" for field in fields[:_FEW]]
        return []

    def _from_date(self, name: str, meant: Collection[str | None]) -> bool:
        return name == self._names.dated and DATE in meant


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(shown(name) for name in names[:_FEW])}{more}"
