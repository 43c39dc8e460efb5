"""FEATURES: the column order of the default contract, and its encoder of readings into the model's matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.schemas.contract.default import default_compiled

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from rookery.schemas.contract.reading_classes import AnyReading

FEATURES: Final = default_compiled().names
CATEGORIES: Final = default_compiled().categories
fields_matrix: Final = default_compiled().fields_matrix
columns_matrix: Final = default_compiled().columns_matrix
missing: Final = default_compiled().missing


def matrix(readings: Iterable[AnyReading]) -> NDArray[np.float32]:
    """Encode readings as a float32 matrix of shape (readings, features); what is missing is NaN."""
    return fields_matrix(one.fields for one in readings)
