"""Contract: everything that a model says of its readings and its answers beside its trees."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from rookery.schemas.contract.feature import Feature, Name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

RESERVED: Final = frozenset(
    {
        "reading_id",
        "message_id",
        "row",
        "device_id",
        "observed_at",
        "probability",
        "probabilities",
        "out_of_distribution",
        "missing",
        "model",
        "published_at",
        "predicted_at",
        "features",
        "reasons",
        "original",
        "rejected_at",
        "delivery_attempt",
        "revision",
        "attributes",
    }
)
"""Names of other fields of a result line, which the target cannot have."""

MAX_FEATURES: Final = 10_000
MAX_LABELS: Final = 1_000

_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
"""A name that BigQuery takes for a column."""


class InvalidContractError(ValueError):
    """The text is no contract; carries every reason."""

    def __init__(self, source: str, *reasons: str) -> None:
        super().__init__(f"contract {source} is refused: {'; '.join(reasons)}")
        self.reasons = reasons


class Chart(BaseModel):
    """The two numeric features that a page draws against each other."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    x: Name
    y: Name


class Contract(BaseModel):
    """The readings that a model takes and the answers that it gives.

    `target` is the name of the answer in a result line, and `labels` are the answers in the order of the model's columns.
    `features` stand in the order of the model's matrix. Of each group in `at_least_one_of` a reading must have a feature.
    A category that the contract does not know is refused, or (where the feature is not required) counts as missing, by
    `unknown_categories`. `threshold` is the
    probability of the second of two labels from which it is the answer (None: the likelier label).
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    name: Name
    version: Annotated[int, Field(ge=1)] = 1
    description: str = ""
    target: Annotated[str, StringConstraints(pattern=rf"^{_COLUMN.pattern}$")]
    target_aliases: tuple[Name, ...] = ()
    labels: Annotated[tuple[Name, ...], Field(min_length=2, max_length=MAX_LABELS)]
    features: Annotated[tuple[Feature, ...], Field(min_length=1, max_length=MAX_FEATURES)]
    at_least_one_of: tuple[Annotated[tuple[Name, ...], Field(min_length=1)], ...] = ()
    unknown_categories: Literal["refuse", "missing"] = "refuse"
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    chart: Chart | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in the order of the model's matrix."""
        return tuple(feature.name for feature in self.features)

    def feature(self, name: str) -> Feature:
        """The feature of a name; KeyError where there is none."""
        for each in self.features:
            if each.name == name:
                return each
        raise KeyError(name)

    def takes_unknown(self, feature: Feature) -> bool:
        """Whether an unknown category of a feature counts as missing; one that is required cannot be missing."""
        return self.unknown_categories == "missing" and not feature.required

    @property
    def measurements(self) -> tuple[Feature, ...]:
        """The numeric features whose distribution is monitored: what a distance to known readings is measured in."""
        return tuple(feature for feature in self.features if feature.numeric and feature.monitored)

    @property
    def labels_are_columns(self) -> bool:
        """Whether every label can be the name of a column; else `probabilities` is an array of label and share."""
        return are_columns(self.labels)

    @property
    def axes(self) -> Chart | None:
        """The features of a page's chart: the contract's own, else the first two measurements; None where these are too few."""
        if self.chart is not None:
            return self.chart
        first = [feature.name for feature in self.measurements[:2]]
        return Chart(x=first[0], y=first[1]) if len(first) == len({"x", "y"}) else None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if wrong := _contradictions(self):
            raise ValueError("; ".join(wrong))
        return self


def are_columns(names: Sequence[str]) -> bool:
    """Whether names can be those of one table's columns in BigQuery, where upper and lower case are one."""
    return len({name.casefold() for name in names}) == len(names) and all(map(_COLUMN.fullmatch, names))


def read_contract(text: str | bytes, *, source: str) -> Contract:
    """Read a contract's JSON; raises InvalidContractError with every reason."""
    try:
        return Contract.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise InvalidContractError(source, *map(_sentence, found)) from None


def _sentence(error: ErrorDetails) -> str:
    place = ".".join(map(str, error["loc"]))
    said = error["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said


def _contradictions(contract: Contract) -> list[str]:
    names = contract.names
    found = [
        f"{what} are named once: {name}"
        for what, given in (("features", names), ("labels", contract.labels))
        for name in _twice(given)
    ]
    if contract.target in RESERVED:
        found.append(f"target: {contract.target} is another field of a result line")
    if contract.target in names:
        found.append(f"target: {contract.target} is a feature")
    groups = chain.from_iterable(contract.at_least_one_of)
    axes = () if contract.chart is None else (contract.chart.x, contract.chart.y)
    found += [f"at_least_one_of: {name} is no feature" for name in groups if name not in names]
    numeric = {feature.name for feature in contract.features if feature.numeric}
    found += [f"chart: {name} is no numeric feature" for name in axes if name not in numeric]
    if contract.threshold is not None and len(contract.labels) != len({"one", "other"}):
        found.append(f"threshold: it is for two labels, and this contract has {len(contract.labels)}")
    return found


def _twice(names: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]  # add says None
