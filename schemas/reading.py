"""Reading: one observation of one penguin, and the values that are possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, NotRequired, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
    with_config,
)
from typing_extensions import TypedDict

from rookery.schemas.parsing.moment import Moment

if TYPE_CHECKING:
    from collections.abc import Callable

SPECIES: Final = ("Adelie", "Chinstrap", "Gentoo")
"""The classes, in the order of the model's columns."""

SEXES: Final = ("female", "male")
ISLANDS: Final = ("Biscoe", "Dream", "Torgersen")

MEASUREMENTS: Final = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
"""The four measured features; a reading with none of them cannot be classified."""


MAX_IDENTITY: Final = 200
"""Characters of a `reading_id` or `device_id`."""

# The bounds are far outside what has been published of any living penguin (little penguins of 1 kg to
# emperors of 45 kg, chicks included), so that only the impossible breaks them.
BillLength = Annotated[float, Field(ge=5, le=150, allow_inf_nan=False)]
BillDepth = Annotated[float, Field(ge=2, le=60, allow_inf_nan=False)]
FlipperLength = Annotated[float, Field(ge=30, le=500, allow_inf_nan=False)]
BodyMass = Annotated[float, Field(ge=50, le=50_000, allow_inf_nan=False)]
Year = Annotated[int, Field(ge=1900, le=2100)]
Sex = Literal["female", "male"]
Island = Literal["Biscoe", "Dream", "Torgersen"]
Identity = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_IDENTITY, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
]

NO_MEASUREMENT: Final = "at least one of the four measurements is needed"


class Reading(BaseModel):
    """One observation: lengths in millimetres, mass in grams; anything unknown is null or left out.

    Strict: unknown fields, NaN, booleans as numbers and numbers as strings are refused, all at once. A time is text by
    RFC 3339 with its offset (a space may stand for the T; no leap seconds); digits alone, days and weeks are refused.
    `reading_id` is the identity of the observation; where it is absent the message's own
    (made of its id, its subscription and its publish time) stands in.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    bill_length_mm: BillLength | None = None
    bill_depth_mm: BillDepth | None = None
    flipper_length_mm: FlipperLength | None = None
    body_mass_g: BodyMass | None = None
    year: Year | None = None
    sex: Sex | None = None
    island: Island | None = None
    reading_id: Identity | None = None
    device_id: Identity | None = None
    observed_at: Moment | None = None

    @model_validator(mode="after")
    def _measured(self) -> Self:
        if (
            self.bill_length_mm is None
            and self.bill_depth_mm is None
            and self.flipper_length_mm is None
            and self.body_mass_g is None
        ):
            raise ValueError(NO_MEASUREMENT)
        return self


class MeasurementRange(NamedTuple):
    """The least and the most that a number of a reading may be, and whether it must be whole."""

    least: float
    most: float
    whole: bool


def _bounds(kind: Any) -> MeasurementRange:
    number, field = get_args(kind)
    least, most = (
        next(bound for each in field.metadata if (bound := getattr(each, side, None)) is not None)
        for side in ("ge", "le")
    )
    return MeasurementRange(least, most, number is int)


BOUNDS: Final[dict[str, MeasurementRange]] = {
    "bill_length_mm": _bounds(BillLength),
    "bill_depth_mm": _bounds(BillDepth),
    "flipper_length_mm": _bounds(FlipperLength),
    "body_mass_g": _bounds(BodyMass),
    "year": _bounds(Year),
}
"""The constraints of each number, from its annotations, for readers of whole columns."""

Fields = dict[str, Any]
"""A valid reading as plain values under its names; what is unknown is None or absent."""


def _validator() -> Callable[[bytes], Fields]:
    """Make what reads a reading's JSON into Fields by Reading's own rules, at a third of the cost of the object.

    The rule on measurements stays with the caller; ValidationError where any other is broken.
    """
    names: Any = {
        name: NotRequired[field.rebuild_annotation()] for name, field in Reading.model_fields.items()
    }
    kind: Any = TypedDict("kind", names)  # type: ignore[misc]  # made from Reading, so that the rules stand once
    strict: Any = with_config(ConfigDict(strict=True, extra="forbid"))(kind)
    validate: Callable[[bytes], Fields] = TypeAdapter(strict).validator.validate_json
    return validate


validate_fields: Final = _validator()
