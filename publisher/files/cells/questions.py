"""Questions: what a cell that was refused may have meant, and the option that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.publisher.files.cells.missing import LIKELY_CODES
from rookery.publisher.files.cells.numbers import SEPARATORS, converted, grouped
from rookery.publisher.files.columns import units

if TYPE_CHECKING:
    from rookery.publisher.files.cells.numbers import NumberStyle
    from rookery.schemas.contract.feature import Feature


def question(cell: str, feature: Feature, style: NumberStyle, column: str, times: float) -> str:
    """Ask about a cell that was refused; empty where nothing is likely. `times` is what its column is multiplied by."""
    if not feature.numeric:
        return _code(cell)
    return _thousands(cell, feature, style) or _code(cell) or _unit(cell, feature, style, column, times)


def _thousands(cell: str, feature: Feature, style: NumberStyle) -> str:
    found = grouped(cell)
    if found is None or style.thousands:
        return ""
    sign, number = found
    shown = sign if sign in ",." else f"'{sign}'" if sign != "'" else '"\'"'
    asks = f"is the {SEPARATORS[sign]} a thousands separator? --thousands {shown}"
    least, most, _ = feature.range
    decimal = (
        float(cell.replace(",", ".")) if sign == "," and cell.count(",") == 1 and "." not in cell else None
    )
    if decimal is not None and not style.decimal and least <= decimal <= most:
        other = "does it stand before decimals? --decimal ,"
        return f"{asks} or {other}" if least <= number <= most else f"{other}"
    return asks if least <= number <= most else ""


def _code(cell: str) -> str:
    return f"does it stand for a missing value? --missing {cell}" if cell in LIKELY_CODES else ""


def _unit(cell: str, feature: Feature, style: NumberStyle, column: str, times: float) -> str:
    """Ask for a unit in which the number would be possible."""
    number = style.read(cell)
    if number is None or times != 1 or not column:
        return ""
    least, most, _ = feature.range
    for unit in units.siblings(feature.unit):
        other = units.factor(unit, feature.unit)
        if other is not None and least <= converted(number, other) <= most:
            return f"is the column in {unit}? --unit '{column}={unit}'"
    return ""
