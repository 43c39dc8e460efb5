"""Values: the cells of a file as the plain values that a contract's validators read."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.schemas.contract.feature import Feature

MISSING: Final = frozenset({"", "NA"})
"""Texts of an empty cell, unless the contract has a category or a label of that name."""

NUMBER: Final = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
WHOLE: Final = re.compile(r"\s*[+-]?[0-9]{1,19}\s*")
FLAGS: Final = {"true": True, "false": False}


def word(cell: Any) -> str | None:
    """The text of a cell, that of a whole number without a fraction; None where it is empty."""
    if cell is None or cell == "" or is_nan(cell):
        return None
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, date | datetime | time) else str(cell)


def known_word(cell: Any, known: Sequence[str] | frozenset[str]) -> str | None:
    """The text of a cell; None where it is empty or a MISSING one that is not `known`."""
    text = word(cell)
    return None if text in MISSING and text not in known else text


def is_nan(cell: Any) -> bool:
    """Whether a cell is a float that is no number."""
    return isinstance(cell, float) and math.isnan(cell)


def values(column: Sequence[Any], feature: Feature) -> list[Any]:
    """Read a column's cells by the kind of its feature; a cell of another kind stays text, which validation then names."""
    if feature.kind == "category":
        return _categories(column, feature)
    read = {"flag": _flag, "integer": _integer, "number": _number}[feature.kind]
    return [None if _is_empty(cell) else read(cell) for cell in column]


def _is_empty(cell: Any) -> bool:
    return cell is None or (cell in MISSING if isinstance(cell, str) else is_nan(cell))


def _categories(column: Sequence[Any], feature: Feature) -> list[str | None]:
    """Spellings are tried where a text is no category, then categories in another case."""
    known = {category.casefold(): category for category in feature.categories}
    known |= {spelling.casefold(): category for spelling, category in feature.spellings.items()}
    categories = frozenset(feature.categories)
    texts = [known_word(cell, categories) for cell in column]
    meant = {
        text: text if text is None or text in categories else known.get(text.strip().casefold(), text)
        for text in {*texts}
    }
    return [meant[text] for text in texts]


def _flag(cell: Any) -> Any:
    return FLAGS.get(cell.strip().lower(), cell) if isinstance(cell, str) else cell


def _number(cell: Any) -> Any:
    if isinstance(cell, str):
        return float(cell) if NUMBER.fullmatch(cell) else cell
    # Decimals of Parquet, and whole numbers.
    return cell if isinstance(cell, bool | float) else _as_float(cell)


def _as_float(cell: Any) -> Any:
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return word(cell)


def _integer(cell: Any) -> Any:
    if isinstance(cell, str):
        return int(cell) if WHOLE.fullmatch(cell) else _number(cell)
    if isinstance(cell, bool | int):
        return cell
    number = _number(cell)
    return int(number) if isinstance(number, float) and number.is_integer() else number
