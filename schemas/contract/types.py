"""Types: pydantic's own types of a feature's values and of the identity fields, from which every validator is made."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from rookery.schemas.contract.feature import IDENTITY, Feature
from rookery.schemas.parsing.moment import Moment

MAX_IDENTITY: Final = 200
"""Characters of a `reading_id` or `device_id`."""

MAX_CATEGORY: Final = 300
"""Characters of a category's word where unknown ones count as missing."""

Identity = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_IDENTITY, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
]

IDENTITY_TYPES: Final[dict[str, Any]] = dict(zip(IDENTITY, (Identity, Identity, Moment), strict=True))


def value_type(feature: Feature, *, unknown: bool) -> Any:
    """The type of a feature's values, null left aside; with `unknown` a category may be any word."""
    if feature.kind == "flag":
        return bool
    if feature.kind == "category":
        if unknown:
            return Annotated[str, StringConstraints(max_length=MAX_CATEGORY)]
        return Literal[feature.categories]
    least, most, whole = feature.range
    if whole:
        return Annotated[int, Field(ge=int(least), le=int(most))]
    return Annotated[float, Field(ge=least, le=most, allow_inf_nan=False)]
