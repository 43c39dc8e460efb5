"""FEATURES: the one column order, and the one encoder of readings into the model's matrix."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

from rookery.schemas.reading import ISLANDS, SEXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rookery.schemas.reading import Fields, Reading

FEATURES: Final = (
    "bill_length_mm",
    "bill_depth_mm",
    "flipper_length_mm",
    "body_mass_g",
    "year",
    "sex",
    "island",
)
"""The numeric columns of a reading as the model sees them, in order."""

CATEGORIES: Final[dict[str, tuple[str, ...]]] = {"sex": SEXES, "island": ISLANDS}
"""A category is encoded as its position here."""

NAN: Final = float("nan")
_CODES: Final[dict[str, dict[str | None, float]]] = {
    name: {None: NAN, **{word: float(code) for code, word in enumerate(words)}}
    for name, words in CATEGORIES.items()
}
_EVERY: Final = itemgetter(*FEATURES)
_SEX: Final = _CODES["sex"]
_ISLAND: Final = _CODES["island"]


def matrix(readings: Iterable[Reading]) -> NDArray[np.float32]:
    """Encode readings as a float32 matrix of shape (readings, features); what is missing is NaN."""
    return fields_matrix(vars(one) for one in readings)


def fields_matrix(readings: Iterable[Fields]) -> NDArray[np.float32]:
    """Encode readings in the form of their plain fields as `matrix` does."""
    import numpy as np  # noqa: PLC0415  the words must not cost a device numpy

    # One list for all: rows of rows would be traversed twice. None becomes NaN on the way to float.
    flat: list[float | None] = []
    for fields in readings:
        try:
            length, depth, flipper, mass, year, sex, island = _EVERY(fields)
        except KeyError:
            length, depth, flipper, mass, year, sex, island = (fields.get(name) for name in FEATURES)
        flat += (length, depth, flipper, mass, year, _SEX[sex], _ISLAND[island])
    return np.array(flat, dtype=np.float32).reshape(-1, len(FEATURES))


def columns_matrix(
    columns: Mapping[str, Sequence[float | str | None] | None], rows: int
) -> NDArray[np.float32]:
    """Encode columns of equal length as a float32 matrix of shape (rows, features); an absent column is NaN."""
    import numpy as np  # noqa: PLC0415  the words must not cost a device numpy

    encoded = np.full((rows, len(FEATURES)), np.nan, dtype=np.float32)
    for position, name in enumerate(FEATURES):
        column = columns.get(name)
        if column is None:
            continue
        codes = _CODES.get(name)
        encoded[:, position] = column if codes is None else [codes[word] for word in column]  # type: ignore[index]
    return encoded


def missing(row: Sequence[float]) -> tuple[str, ...]:
    """Name the features that are NaN in one encoded row."""
    return tuple(name for name, value in zip(FEATURES, row, strict=True) if value != value)  # noqa: PLR0124  only NaN differs from itself
