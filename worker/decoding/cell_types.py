"""Cell types: msgspec's types of a reading's values, each of which takes only what pydantic's type of the same value does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from rookery.schemas.contract.types import MAX_CATEGORY, MAX_IDENTITY

if TYPE_CHECKING:
    from rookery.schemas.contract.feature import Feature

NOT_READ: Final = (msgspec.MsgspecError, ValueError)
"""Errors of a text that is not what a decoder reads: of its form or its values, and of bytes that are no UTF-8."""

_Identity = Annotated[str, Meta(min_length=1, max_length=MAX_IDENTITY)]

IDENTITY_CELLS: Final[dict[str, Any]] = {"reading_id": _Identity, "device_id": _Identity, "observed_at": str}
"""Types of the identity fields; control characters and the rules of a time are left to the reader."""

_INT64: Final = 2**63
"""Integers from here on are beyond msgspec, and left to the codec."""


def cell_type(feature: Feature, *, unknown: bool) -> Any:
    """The type of a feature's values, null left aside; with `unknown` a category may be any word."""
    if feature.kind == "flag":
        return bool
    if feature.kind == "category":
        return Annotated[str, Meta(max_length=MAX_CATEGORY)] if unknown else Literal[feature.categories]
    least, most, whole = feature.range
    if whole:
        return Annotated[int, Meta(ge=max(int(least), -_INT64), le=min(int(most), _INT64 - 1))]
    return Annotated[float, Meta(ge=least, le=most)]
