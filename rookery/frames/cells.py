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
from rookery.publisher.files.cells.numbers import converted
from rookery.publisher.files.cells.reader import CellReader
from rookery.schemas.contract.feature import IDENTITY
from rookery.schemas.rejection import VALUE_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import Series

    from rookery.schemas.contract.compiled import CompiledContract

_NUMERIC: Final = "iuf"
_WORDS: Final = 1_000
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_EXACT: Final = 2**53
"""Whole numbers below it are exact as a float, which pandas makes of a column of ids with a gap."""


class ColumnCells:
    """Reads the columns of a frame by a contract."""

    def __init__(self, contract: CompiledContract, factors: Mapping[str, float] | None = None) -> None:
        """Store the contract's kinds of features, and what numbers of another unit are multiplied by."""
        self._factors = factors or {}
        self._reader = CellReader(contract, factors=self._factors)
        self._kinds = {each.name: each.kind for each in contract.contract.features}
        self._dated = frozenset(each.name for each in contract.contract.features if each.date_part)
        self._pandas = library("pandas")

    def values(self, name: str, column: Series) -> list[Any]:
        """Return the values of one field, None where a cell is missing (None, NaN, NaT, NA, or a text such as `NA`)."""
        kind = self._kinds.get(name)
        if isinstance(column.dtype, self._pandas.DatetimeTZDtype):
            # In one step for all: cell by cell a time costs twenty times as much.
            return _numbers(column.dt.year, whole=True) if name in self._dated else _moments(column)
        if name in self._factors and getattr(column.dtype, "kind", "O") in _NUMERIC:
            column = column.map(lambda cell: converted(cell, self._factors[name]), na_action="ignore")
        if kind in {"number", "integer"} and getattr(column.dtype, "kind", "O") in _NUMERIC:
            return _numbers(column, whole=kind == "integer")
        found = self._coded(column)
        if found is not None:
            # A column of texts has few different ones, or is one of identities: each is read once.
            codes, different = found
            read = [*(self._cell(name, each) for each in different), None]
            return [read[code] for code in codes.tolist()]
        return self._each(name, column, kind)

    def _each(self, name: str, column: Series, kind: str | None) -> list[Any]:
        known = column.notna().tolist()
        read = lru_cache(maxsize=_WORDS)(self._word) if kind == "category" else self._word
        return [
            (read(name, cell) if isinstance(cell, str) else self._other(name, cell)) if there else None
            for cell, there in zip(column.astype(object).tolist(), known, strict=True)
        ]

    def _coded(self, column: Series) -> tuple[Any, Any] | None:
        """The position of each cell among the different cells, -1 where it is missing; None where equal cells may differ."""
        if isinstance(column.dtype, self._pandas.CategoricalDtype):
            if len(column.cat.categories) > len(column):
                column = column.cat.remove_unused_categories()
            return column.cat.codes.to_numpy(), column.cat.categories.astype(object)
        if isinstance(column.dtype, self._pandas.StringDtype):
            codes, different = self._pandas.factorize(column)
            return codes, different.astype(object)
        return None

    def _cell(self, name: str, cell: Any) -> Any:
        return self._word(name, cell) if isinstance(cell, str) else self._other(name, cell)

    def _word(self, name: str, cell: str) -> float | str | bool | None:
        return self._reader.value(name, _encodable(cell).strip())

    def _other(self, name: str, cell: Any) -> Any:
        if isinstance(cell, date):
            return cell.year if name in self._dated else cell.isoformat()
        plain = float(cell) if isinstance(cell, Decimal) else cell.item() if hasattr(cell, "dtype") else cell
        if isinstance(plain, Real):
            return self._number(name, plain)
        return _encodable(str(plain)[:VALUE_LENGTH])

    def _number(self, name: str, cell: Any) -> Any:
        kind = self._kinds.get(name)
        if isinstance(cell, bool):
            return cell
        cell = converted(cell, self._factors.get(name, 1))
        if kind == "flag" and cell in (0, 1):
            return bool(cell)
        if name in IDENTITY or kind == "category":
            return self._word(name, str(_whole(cell)))
        return int(cell) if isinstance(cell, Integral) else _whole(cell) if kind == "integer" else float(cell)


def _numbers(column: Series, *, whole: bool) -> list[float | None]:
    numpy = library("numpy")
    values = column.to_numpy(dtype="float64", na_value=numpy.nan)
    missing = numpy.isnan(values)
    cells: list[float | None]
    if whole and (missing | ((values == numpy.trunc(values)) & (abs(values) < _EXACT))).all():
        cells = numpy.where(missing, 0, values).astype("int64").tolist()
    else:
        cells = values.tolist()
        cells = [_whole(cell) for cell in cells] if whole else cells
    for nth in missing.nonzero()[0].tolist():
        cells[nth] = None
    return cells


def _moments(column: Series) -> list[str | None]:
    """Times as text in UTC, cut to microseconds, as a reader would cut them."""
    numpy = library("numpy")
    values = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    cells: list[str | None] = numpy.char.add(numpy.datetime_as_string(values), "Z").tolist()
    for nth in numpy.isnat(values).nonzero()[0].tolist():
        cells[nth] = None
    return cells


def _whole(cell: Any) -> Any:
    """Turn 2007.0 into 2007: a column of whole numbers with a gap is one of floats."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT else cell


def _encodable(text: str) -> str:
    """Replace lone surrogates, which no JSON can hold."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
