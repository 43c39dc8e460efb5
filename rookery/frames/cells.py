"""Cells: a column of a frame as the values of one field of a reading, in the form that JSON has them.

Numbers pass as they are. Texts are read as the CSV reader reads them (`NA` is missing, `M` is male). A cell that no
rule covers stays as it is, so that the contract refuses it in its own words.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.libraries import library
from rookery.publisher.files.csv.cells import value
from rookery.publisher.files.csv.header import IDENTITY
from rookery.schemas.features import CATEGORIES
from rookery.schemas.reading import MEASUREMENTS
from rookery.schemas.rejection import VALUE_LENGTH

if TYPE_CHECKING:
    from pandas import Series

_NUMERIC: Final = "iuf"
_WORDS: Final = 1_000
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_EXACT: Final = 2**53
"""Whole numbers below it are exact as a float, which pandas makes of a column of ids with a gap."""


def column_cells(name: str, column: Series) -> list[Any]:
    """Return the values of one field, None where a cell is missing (None, NaN, NaT, NA, or a text such as `NA`)."""
    if name not in CATEGORIES and name not in IDENTITY and getattr(column.dtype, "kind", "O") in _NUMERIC:
        return _numbers(name, column)
    known = column.notna().tolist()
    # A column of categories has few different words: each is read once.
    read = lru_cache(maxsize=_WORDS)(_word) if name in CATEGORIES else _word
    return [
        (read(name, cell) if isinstance(cell, str) else _other(name, cell)) if there else None
        for cell, there in zip(column.astype(object).tolist(), known, strict=True)
    ]


def _numbers(name: str, column: Series) -> list[float | None]:
    numpy = library("numpy")
    values = column.to_numpy(dtype="float64", na_value=numpy.nan)
    cells: list[float | None] = values.tolist()
    if numpy.isnan(values).any():
        cells = [None if cell != cell else cell for cell in cells]  # noqa: PLR0124  only NaN differs from itself
    return cells if name in MEASUREMENTS else [_whole(cell) for cell in cells]


def _word(name: str, cell: str) -> float | str | None:
    return value(name, _encodable(cell).strip())


def _other(name: str, cell: Any) -> Any:
    if isinstance(cell, date):
        return cell.year if name == "year" else cell.isoformat()
    plain = float(cell) if isinstance(cell, Decimal) else cell.item() if hasattr(cell, "dtype") else cell
    if isinstance(plain, bool):
        return plain
    if name in IDENTITY and isinstance(plain, Real):
        return str(_whole(plain))
    if isinstance(plain, Integral):
        return int(plain)
    if isinstance(plain, float):
        return _whole(plain) if name == "year" else plain
    return _encodable(str(plain)[:VALUE_LENGTH])


def _whole(cell: Any) -> Any:
    """Turn 2007.0 into 2007: a column of whole numbers with a gap is one of floats."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT else cell


def _encodable(text: str) -> str:
    """Replace lone surrogates, which no JSON can hold."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
