"""Prediction: the model's answer to one reading."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from rookery.schemas.parsing.moment import Timestamp


class LabelShare(BaseModel):
    """One label and its share of the probability, where a label cannot be the name of a column."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    label: str
    share: float


class Prediction(BaseModel):
    """One answered reading, as one line of the results.

    `reading_id` is the reading's own, or `<message_id>-<subscription's digest>-<publish time>`, in a table with `/<row>`.
    The answer stands under the contract's target, and is the one field that is not named here: `target` and `label` give
    it. `shares` map each label to its probability (they add up to 1, rounded to 6 digits); `missing` names the features
    that the reading lacked; `model` is the artifact's digest; `row` the position in a table. `out_of_distribution` is None
    where the model has no rule for it. `features` repeats the reading in a sample of the predictions
    (ROOKERY_FEATURE_SAMPLE_ROWS).
    """

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False, extra="allow")
    __pydantic_extra__: dict[str, str]

    reading_id: str
    message_id: str
    row: int | None = None
    device_id: str | None = None
    observed_at: Timestamp | None = None
    probability: float
    probabilities: dict[str, float] | tuple[LabelShare, ...]
    out_of_distribution: bool | None
    missing: tuple[str, ...] = ()
    model: str
    published_at: Timestamp | None = None
    predicted_at: Timestamp
    features: dict[str, float | str | bool | None] | None = None

    @property
    def target(self) -> str:
        """The name of the answer."""
        return next(iter(self.__pydantic_extra__))

    @property
    def label(self) -> str:
        """The answer."""
        return next(iter(self.__pydantic_extra__.values()))

    @property
    def shares(self) -> dict[str, float]:
        """Each label's probability."""
        given = self.probabilities
        return given if isinstance(given, dict) else {each.label: each.share for each in given}

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if len(self.__pydantic_extra__) != 1:
            raise ValueError("one answer is needed, under the name of the contract's target")
        return self
