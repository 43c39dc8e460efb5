"""Prediction: the model's answer to one reading."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from rookery.schemas.parsing.moment import Timestamp


class Prediction(BaseModel):
    """One answered reading, as one line of the results.

    `reading_id` is the reading's own, or `<message_id>-<subscription's digest>-<publish time>`, in a table with `/<row>`.
    `probabilities` maps each species to its share (they add up to 1, rounded to 6 digits); `missing` names
    the features that the reading lacked; `model` is the artifact's digest; `row` the position in a table.
    `features` repeats the reading in a sample of the predictions (ROOKERY_FEATURE_SAMPLE_ROWS).
    """

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    reading_id: str
    message_id: str
    row: int | None = None
    device_id: str | None = None
    observed_at: Timestamp | None = None
    species: str
    probability: float
    probabilities: dict[str, float]
    out_of_distribution: bool
    missing: tuple[str, ...] = ()
    model: str
    published_at: Timestamp | None = None
    predicted_at: Timestamp
    features: dict[str, float | str | None] | None = None
