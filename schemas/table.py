"""ReadingTable: many readings in one message, column by column."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rookery.schemas.parsing.moment import Moment
from rookery.schemas.reading import (
    BillDepth,
    BillLength,
    BodyMass,
    FlipperLength,
    Identity,
    Island,
    Sex,
    Year,
)

MAX_ROWS: Final = 100_000
"""Rows in one table; Pub/Sub's 10 MB hold about twice as many."""

# Of each column the first error only: a large table may have a million.
_Column = Field(min_length=1, max_length=MAX_ROWS, fail_fast=True)


class ReadingTable(BaseModel):
    """Columns of equal length under a reading's own names; a cell that is unknown is null, a column absent.

    Strict like Reading. Whether a row has any measurement is the codec's question, for it costs one row only.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    bill_length_mm: Annotated[list[BillLength | None], _Column] | None = None
    bill_depth_mm: Annotated[list[BillDepth | None], _Column] | None = None
    flipper_length_mm: Annotated[list[FlipperLength | None], _Column] | None = None
    body_mass_g: Annotated[list[BodyMass | None], _Column] | None = None
    year: Annotated[list[Year | None], _Column] | None = None
    sex: Annotated[list[Sex | None], _Column] | None = None
    island: Annotated[list[Island | None], _Column] | None = None
    reading_id: Annotated[list[Identity | None], _Column] | None = None
    device_id: Annotated[list[Identity | None], _Column] | None = None
    observed_at: Annotated[list[Moment | None], _Column] | None = None

    @property
    def rows(self) -> int:
        """The number of readings."""
        return next((len(column) for column in self.__dict__.values() if column is not None), 0)

    @model_validator(mode="after")
    def _even(self) -> Self:
        lengths = {name: len(column) for name, column in self.__dict__.items() if column is not None}
        if not lengths:
            raise ValueError(NO_COLUMN)
        if len(set(lengths.values())) > 1:
            raise ValueError(uneven(lengths))
        return self


NO_COLUMN: Final = "a table needs at least one column"


def uneven(lengths: dict[str, int]) -> str:
    """Say which columns differ in length."""
    counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
    return f"columns of equal length are needed; these have: {counts}"
