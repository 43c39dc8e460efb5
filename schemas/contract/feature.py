"""Feature: one column of a model's matrix, and the values that are possible in it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Kind = Literal["number", "integer", "category", "flag"]
"""The values of a feature: any finite number, a whole one, one of some words, true or false."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
"""The name of a feature, a label or a category: any text without control characters."""

IDENTITY: Final = ("reading_id", "device_id", "observed_at")
"""The fields of every reading that say which one it is, and are no features."""

LARGEST_FLOAT: Final = 3.4028234663852886e38
"""The largest number that the model's matrix of float32 holds; a larger one would be infinite there."""

LARGEST_INTEGER: Final = 2**53


class ValueRange(NamedTuple):
    """The least and the most that a number of a reading may be, and whether it must be whole."""

    least: float
    most: float
    whole: bool


class Feature(BaseModel):
    """One feature: its name in readings, its kind, and what of it is refused.

    `least` and `most` bound a number, in `unit`; without them any finite number is possible. `categories` are the words of
    a category, in the order of the model's codes. `aliases` are other names of the column in files, and `hints` are words of
    a column's name that may mean this feature, so that a person is asked. `spellings` maps other spellings of a category
    to it. A feature is `required` where a reading without it is refused, and `monitored` where a shift of its distribution
    is drift. `date_part` says what of a date the feature is, where a file has a column of dates instead (by one of
    `date_aliases`). `example` is a likely value, for documents.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    name: Name
    kind: Kind = "number"
    least: float | None = None
    most: float | None = None
    unit: str | None = None
    categories: tuple[Name, ...] = ()
    aliases: tuple[Name, ...] = ()
    hints: tuple[Name, ...] = ()
    spellings: dict[str, str] = Field(default_factory=dict)
    required: bool = False
    monitored: bool = True
    date_part: Literal["year"] | None = None
    date_aliases: tuple[Name, ...] = ()
    example: float | int | str | bool | None = None
    description: str = ""

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in {"number", "integer"}

    @property
    def range(self) -> ValueRange:
        """The bounds of a numeric feature, those of the matrix where the contract names none."""
        whole = self.kind == "integer"
        largest = LARGEST_INTEGER if whole else LARGEST_FLOAT
        least = -largest if self.least is None else self.least
        most = largest if self.most is None else self.most
        return ValueRange(least, most, whole)

    def possible(self, value: float | str | bool) -> bool:  # noqa: FBT001  a flag's value
        """Whether a value is one of this feature's."""
        if self.kind == "category":
            return value in self.categories
        if self.kind == "flag" or isinstance(value, bool | str):
            return self.kind == "flag" and isinstance(value, bool)
        least, most, whole = self.range
        return least <= value <= most and not (whole and isinstance(value, float))

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if wrong := "; ".join(_contradictions(self)):
            raise ValueError(f"feature {self.name}: {wrong}")
        return self


def _contradictions(feature: Feature) -> list[str]:
    found = []
    least, most, whole = feature.range
    if not feature.numeric and (feature.least, feature.most) != (None, None):
        found.append(f"least and most are of numbers, not of a {feature.kind}")
    elif feature.numeric and least > most:
        found.append(f"least {least:g} is more than most {most:g}")
    elif feature.numeric and max(abs(least), abs(most)) > LARGEST_FLOAT:
        found.append(f"bounds of at most {LARGEST_FLOAT:g} are possible")
    if whole and any(bound is not None and bound % 1 for bound in (feature.least, feature.most)):
        found.append("bounds of an integer are whole numbers")
    if (feature.kind == "category") != bool(feature.categories):
        found.append(
            "categories are needed" if feature.kind == "category" else f"a {feature.kind} has no categories"
        )
    if len({*feature.categories}) < len(feature.categories):
        found.append("its categories differ from each other")
    if unknown := [word for word in feature.spellings.values() if word not in feature.categories]:
        found.append(f"spellings lead to categories, and {unknown[0]} is none")
    if feature.example is not None and not feature.possible(feature.example):
        found.append(f"its example {feature.example!r} is none of its values")
    if feature.name in IDENTITY:
        found.append(f"{', '.join(IDENTITY)} are fields of every reading")
    return found
