"""CsvHeader: which column of a file is which field of a reading, by the names that people really write."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.publisher.errors import BadFileError
from rookery.schemas.features import FEATURES
from rookery.schemas.output.spreadsheet import unguarded
from rookery.schemas.reading import MEASUREMENTS
from rookery.schemas.rejection import Reason, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LABEL: Final = "species"
"""The column that a reading does not carry; it is kept aside, as a label to score predictions against."""

REJECTED: Final = ("rejected_as", "rejected_line", "rejected_why")
"""Columns that a file of rejected rows has before the columns of the file that they come from."""

IDENTITY: Final = ("reading_id", "device_id", "observed_at")
FIELDS: Final = (*FEATURES, *IDENTITY, LABEL)
"""The fields that a column can be mapped to."""

DATE: Final = "date"
"""A column of days, which the year is taken from where there is no column of years."""

# Besides the fields' own names: penguins-raw and OpenML say culmen, R's own penguins shortens.
_ALSO: Final = {
    **{f"{what} {short}": f"bill_{long}_mm"
       for what in ("bill", "culmen") for long in ("length", "depth") for short in (long, long[:3])},
    **{f"{what} {long} mm": f"bill_{long}_mm" for what in ("bill", "culmen") for long in ("length", "depth")},
    "flipper length": "flipper_length_mm",
    "flipper len": "flipper_length_mm",
    "body mass": "body_mass_g",
    "date egg": DATE,
    "species short": LABEL,
}  # fmt: skip
_KNOWN: Final = {**{name.replace("_", " "): name for name in (*FIELDS, *REJECTED)}, **_ALSO}

# A name with one of these words, and no more that we understand, may mean these fields.
_BILL: Final = ("bill_length_mm", "bill_depth_mm")
_LENGTHS: Final = ("bill_length_mm", "flipper_length_mm")
_MAY_MEAN: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("bill", "culmen", "beak"), _BILL),
    **dict.fromkeys(("flipper", "wing"), ("flipper_length_mm",)),
    **dict.fromkeys(("mass", "weight"), ("body_mass_g",)),
    **dict.fromkeys(("length", "len"), _LENGTHS),
    **dict.fromkeys(("depth", "dep"), ("bill_depth_mm",)),
    **dict.fromkeys(("sex", "gender"), ("sex",)),
    **dict.fromkeys(("year", "date"), ("year",)),
    "island": ("island",),
    "species": (LABEL,),
}
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN: Final = re.compile(r"[\W_]+")


def words(text: str) -> str:
    """The words of a name: small, without accents, units' brackets and underscores."""
    plain = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text))
    bare = "".join(each for each in plain if not unicodedata.combining(each))
    return _BETWEEN.sub(" ", bare).strip().casefold()


def understood(name: str) -> str | None:
    """The field, `date`, or part of a rejected row that a column's name means without any doubt."""
    return _KNOWN.get(words(name))


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


def columns(file: str, header: Sequence[str], mapping: Mapping[str, str] | None = None) -> CsvHeader:
    """Read a header; `mapping` says of some columns what they are ("" is nothing).

    Raises BadFileError with every reason; what may mean several things is asked for, never guessed.
    """
    names = tuple(name.strip() for name in header)
    if any(understood(name) == REJECTED[0] for name in names):
        names = tuple(map(unguarded, names))
    chosen = mapping or {}
    meant = [chosen[name] or None if name in chosen else understood(name) for name in names]
    reasons = [*_mapping_reasons(names, chosen), *_reasons(names, meant, chosen)]
    if reasons:
        raise BadFileError(file, *reasons)
    places = {field: meant.index(field) for field in dict.fromkeys(meant) if field is not None}
    if "year" in places:
        places.pop(DATE, None)
    return CsvHeader(names=names, places=places)


def _mapping_reasons(names: Sequence[str], mapping: Mapping[str, str]) -> Iterator[Reason]:
    for name, field in mapping.items():
        if name not in names:
            yield Reason(field="--map", rule="the file has no such column", value=shown(name))
        if field and field not in (*FIELDS, DATE):
            yield Reason(field="--map", rule=f"one of {', '.join(FIELDS)} is needed", value=shown(field))


def _reasons(
    names: Sequence[str], meant: Sequence[str | None], mapping: Mapping[str, str]
) -> Iterator[Reason]:
    for field in dict.fromkeys(field for field in meant if field is not None):
        rivals = [name for name, other in zip(names, meant, strict=True) if other == field]
        if len(rivals) > 1:
            rule = f"only one column can be {field}; --map '{rivals[-1]}=' leaves one out"
            yield Reason(field="header", rule=rule, value=", ".join(map(shown, rivals)))
    for name, known in zip(names, meant, strict=True):
        open_fields = [
            each for each in _possible_fields(name) if each not in meant and not _dated(each, meant)
        ]
        if known is None and name not in mapping and open_fields:
            rule = (
                f"what is this column? --map '{name}={open_fields[0]}' says so, --map '{name}=' leaves it out"
            )
            yield Reason(field="header", rule=rule, value=shown(name))
    if not set(meant) & set(MEASUREMENTS):
        yield Reason(field="header", rule=f"at least one column of {', '.join(MEASUREMENTS)} is needed")


def _dated(field: str, meant: Sequence[str | None]) -> bool:
    return field == "year" and DATE in meant


def _possible_fields(name: str) -> list[str]:
    """The fields that a name may mean, by its words."""
    return list(dict.fromkeys(field for word in words(name).split() for field in _MAY_MEAN.get(word, ())))
