"""The shipped contract as tests ask for it: its features, labels, bounds and encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.schemas.contract.default import default_compiled, default_contract

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from rookery.schemas.reading import AnyReading

FEATURES: Final = default_compiled().names
CATEGORIES: Final = default_compiled().categories
MEASUREMENTS: Final = tuple(each.name for each in default_contract().measurements)
BOUNDS: Final = {each.name: each.range for each in default_contract().features if each.numeric}
SPECIES: Final = default_contract().labels

fields_matrix: Final = default_compiled().fields_matrix
columns_matrix: Final = default_compiled().columns_matrix
missing: Final = default_compiled().missing


def matrix(readings: Iterable[AnyReading]) -> NDArray[np.float32]:
    """Encode readings as the shipped model's matrix (readings, features)."""
    return fields_matrix(one.fields for one in readings)
