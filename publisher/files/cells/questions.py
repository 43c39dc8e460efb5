"""Questions: what a cell that was refused may have meant, and the option that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.publisher.files.cells.missing import LIKELY_CODES
from rookery.publisher.files.cells.numbers import SEPARATORS, amount, bare, converted, grouped
from rookery.publisher.files.columns import units
from rookery.publisher.files.options import quoted

if TYPE_CHECKING:
    from rookery.publisher.files.cells.numbers import NumberStyle
    from rookery.schemas.contract.feature import Feature


def question(cell: str, feature: Feature, style: NumberStyle, column: str, times: float) -> str:
    """Ask about a cell that was refused; empty where nothing is likely. `times` is what its column is multiplied by."""
    if not feature.numeric:
        return f"does it stand for a missing value? --missing {cell}" if cell.isdecimal() else _code(cell)
    if cell.startswith("=") and style.read(cell) is None:
        return "is it a formula? Save the file with its values"
    return _thousands(cell, feature, style) or _code(cell) or _unit(cell, feature, style, column, times)


def _thousands(cell: str, feature: Feature, style: NumberStyle) -> str:
    cell = amount(bare(cell))
    found = grouped(cell)
    if found is None or style.thousands:
        return ""
    sign, number = found
    # One space stands for each kind of them, which a screen shows alike.
    sign = " " if SEPARATORS[sign] == "space" else sign
    shown = sign if sign in ",." else f"'{sign}'" if sign != "'" else '"\'"'
    asks = f"is the {SEPARATORS[sign]} a thousands separator? --thousands {shown}"
    least, most, _ = feature.range
    decimal = (
        float(cell.replace(",", ".")) if sign == "," and cell.count(",") == 1 and "." not in cell else None
    )
    if decimal is not None and not style.decimal and least <= decimal <= most:
        other = "does it stand before decimals? --decimal ,"
        return f"{asks} or {other}" if least <= number <= most else f"{other}"
    return asks if least <= number <= most or style.read(cell) is None else ""


def _code(cell: str) -> str:
    return f"does it stand for a missing value? --missing {cell}" if cell in LIKELY_CODES else ""


def _unit(cell: str, feature: Feature, style: NumberStyle, column: str, times: float) -> str:
    """Ask for a unit in which the number would be possible."""
    number = style.read(cell)
    if number is None or not column:
        return ""
    least, most, _ = feature.range
    # Where the name of the column says another unit, the contract's own may be meant.
    own = [feature.unit] if times != 1 and feature.unit else []
    for unit in [*own, *units.siblings(feature.unit)]:
        other = units.factor(unit, feature.unit)
        if other is not None and other != times and least <= converted(number, other) <= most:
            return f"is the column in {unit}? --unit {quoted(f'{column}={unit}')}"
    return ""
