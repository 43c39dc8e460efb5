"""Units: which one the name of a column ends with, and by what its numbers are multiplied to be in another."""

from __future__ import annotations

from typing import Final

_LENGTH: Final = {
    "nm": 1e-9,
    "\u03bcm": 1e-6,
    "um": 1e-6,
    "mm": 1e-3,
    "millimeter": 1e-3,
    "millimetre": 1e-3,
    "cm": 1e-2,
    "centimeter": 1e-2,
    "centimetre": 1e-2,
    "dm": 1e-1,
    "m": 1.0,
    "meter": 1.0,
    "metre": 1.0,
    "km": 1e3,
    "in": 0.0254,
    "inch": 0.0254,
    "inche": 0.0254,
    "ft": 0.3048,
    "feet": 0.3048,
    "foot": 0.3048,
}
_MASS: Final = {
    "\u03bcg": 1e-6,
    "ug": 1e-6,
    "mg": 1e-3,
    "milligram": 1e-3,
    "g": 1.0,
    "gr": 1.0,
    "gram": 1.0,
    "gramme": 1.0,
    "kg": 1e3,
    "kilo": 1e3,
    "kilogram": 1e3,
    "t": 1e6,
    "oz": 28.349523125,
    "ounce": 28.349523125,
    "lb": 453.59237,
    "pound": 453.59237,
}
_TIME: Final = {
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
}
_VOLUME: Final = {"ml": 1e-3, "cl": 1e-2, "dl": 1e-1, "l": 1.0, "liter": 1.0, "litre": 1.0}
_PRESSURE: Final = {"pa": 1.0, "hpa": 1e2, "mbar": 1e2, "kpa": 1e3, "bar": 1e5}

_DIMENSIONS: Final = (_LENGTH, _MASS, _TIME, _VOLUME, _PRESSURE)


def known(unit: str) -> str | None:
    """A unit as it is written here: small letters, one of it; None for a word that is no unit."""
    small = unit.strip().casefold()
    for word in (small, small.removesuffix("s")):
        if any(word in dimension for dimension in _DIMENSIONS):
            return word
    return None


def factor(unit: str, into: str | None) -> float | None:
    """The factor between a number in one unit and in another; None where these do not measure the same, or are no units."""
    one, other = known(unit), known(into or "")
    for dimension in _DIMENSIONS:
        if one in dimension and other in dimension:
            return float(f"{dimension[one] / dimension[other]:.12g}")
    return None


def siblings(unit: str | None) -> list[str]:
    """The units that people measure the same in, the likeliest first."""
    of = known(unit or "")
    common = ("mm", "cm", "m", "in", "g", "kg", "mg", "lb", "oz", "s", "min", "h", "ml", "l", "hpa", "pa")
    return [each for each in common if of is not None and each != of and factor(each, of) is not None]


def split(words: str) -> tuple[str, str | None]:
    """The words of a column's name without the unit at their end, and that unit."""
    *rest, last = words.split() or [""]
    unit = known(last)
    if unit is None or not rest:
        return words, None
    if rest[-1] == "in" and len(rest) > 1:
        rest.pop()
    return " ".join(rest), unit
