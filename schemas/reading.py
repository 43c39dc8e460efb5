"""Reading: one observation by the default contract, and the values that are possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rookery.schemas.contract.compiled import Fields
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.contract.reading_classes import AnyReading
from rookery.schemas.contract.types import MAX_IDENTITY

if TYPE_CHECKING:
    Reading: TypeAlias = AnyReading
else:
    Reading = default_compiled().reading

__all__ = ["MAX_IDENTITY", "AnyReading", "Fields", "Reading"]
