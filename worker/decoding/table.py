"""DecodedColumns: a valid table as the matrix that the model takes, and the values as they were written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from rookery.schemas.contract.feature import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.feature import Feature
    from rookery.schemas.contract.reading_classes import AnyTable


class DecodedColumns(Struct, kw_only=True, eq=False):
    """A valid table of n readings: `exact` (features, n) float64, `matrix` (n, features) float32 the same.

    Both hold NaN for missing, a code for a word, 0 and 1 for a flag. A text column stays a list of its values, or None where
    it is absent; `present` are the places of the features that have a column. The arrays must not be changed.
    """

    contract: CompiledContract
    exact: NDArray[np.float64]
    matrix: NDArray[np.float32]
    present: Collection[int]
    reading_id: list[str | None] | None
    device_id: list[str | None] | None
    observed_at: list[datetime | None] | None

    def features(self, nth: int) -> dict[str, float | str | bool | None]:
        """One reading's features as they were written."""
        return {
            feature.name: _written(feature, value)
            for feature, value in zip(
                self.contract.contract.features, self.exact[:, nth].tolist(), strict=True
            )
        }

    def table(self) -> AnyTable:
        """The same table as the codec reads it, for what is seldom asked."""
        features = self.contract.contract.features
        columns: dict[str, Any] = {
            feature.name: [_written(feature, value) for value in column.tolist()]
            for place, (feature, column) in enumerate(zip(features, self.exact, strict=True))
            if place in self.present
        }
        for name in IDENTITY:
            if (own := getattr(self, name)) is not None:
                columns[name] = own
        return self.contract.table_of(columns)


def _written(feature: Feature, value: float) -> float | str | bool | None:
    if math.isnan(value):
        return None
    if feature.kind == "category":
        return feature.categories[int(value)]
    if feature.kind == "flag":
        return bool(value)
    return int(value) if feature.kind == "integer" else value
