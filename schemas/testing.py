"""Seeded builders of valid readings and of invalid payloads, for tests and load."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.reading import ISLANDS, SEXES, SPECIES, Reading
from rookery.schemas.table import ReadingTable

if TYPE_CHECKING:
    from collections.abc import Iterator

# Mean and standard deviation of each measurement, from the palmerpenguins data (CC0), rounded.
_LIKENESS: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "Adelie": {
        "bill_length_mm": (38.8, 2.7),
        "bill_depth_mm": (18.3, 1.2),
        "flipper_length_mm": (190.0, 6.5),
        "body_mass_g": (3700.0, 459.0),
    },
    "Chinstrap": {
        "bill_length_mm": (48.8, 3.3),
        "bill_depth_mm": (18.4, 1.1),
        "flipper_length_mm": (195.8, 7.1),
        "body_mass_g": (3733.0, 384.0),
    },
    "Gentoo": {
        "bill_length_mm": (47.5, 3.1),
        "bill_depth_mm": (15.0, 1.0),
        "flipper_length_mm": (217.2, 6.5),
        "body_mass_g": (5076.0, 504.0),
    },
}
_HOMES: Final = {"Adelie": ISLANDS, "Chinstrap": ("Dream",), "Gentoo": ("Biscoe",)}


class ReadingFactory:
    """Builds valid readings; the same seed gives the same readings in the same order."""

    def __init__(self, seed: int) -> None:
        """Store the seed's random stream."""
        self._random = random.Random(seed)  # noqa: S311  believable, not secret

    def fields(self, species: str | None = None) -> dict[str, Any]:
        """One reading as plain fields, measurements within three standard deviations of its species."""
        kind = species or self._random.choice(SPECIES)
        measured = {
            name: round(mean + deviation * max(-3.0, min(3.0, self._random.gauss(0, 1))), 1)
            for name, (mean, deviation) in _LIKENESS[kind].items()
        }
        return {
            **measured,
            "year": self._random.choice((2007, 2008, 2009)),
            "sex": self._random.choice(SEXES),
            "island": self._random.choice(_HOMES[kind]),
        }

    def reading(self, **overrides: Any) -> Reading:
        """One reading; `overrides` replace its fields."""
        return Reading(**{**self.fields(), **overrides})

    def readings(self, count: int, *, prefix: str = "") -> list[Reading]:
        """Many readings; with a prefix they are known as `<prefix>-<position>`."""
        if not prefix:
            return [self.reading() for _ in range(count)]
        return [self.reading(reading_id=f"{prefix}-{position}") for position in range(count)]

    def table(self, rows: int, *, prefix: str = "") -> ReadingTable:
        """A table of that many rows; with a prefix its readings are known as `<prefix>-<row>`."""
        penguins = [self.fields() for _ in range(rows)]
        columns: dict[str, list[Any]] = {
            name: [penguin[name] for penguin in penguins] for name in penguins[0]
        }
        if prefix:
            columns["reading_id"] = [f"{prefix}-{row}" for row in range(rows)]
        return ReadingTable(**columns)


@dataclass(frozen=True, slots=True)
class InvalidExample:
    """A payload that must be refused, and what is wrong with it."""

    kind: str
    payload: bytes


def invalid_examples(seed: int) -> Iterator[InvalidExample]:
    """Yield invalid payloads without end, each kind in turn, made from a different reading each time."""
    factory = ReadingFactory(seed)
    while True:
        for kind, change in _WAYS.items():
            penguin = factory.fields()
            yield InvalidExample(kind=kind, payload=change(penguin))


def _with(**changes: Any) -> Any:
    return lambda penguin: json.dumps({**penguin, **changes}).encode()


_WAYS: Final[dict[str, Any]] = {
    "empty": lambda _: b"",
    "not JSON": lambda penguin: json.dumps(penguin).encode()[:-9],
    "not UTF-8": lambda penguin: json.dumps(penguin).encode().replace(b'"sex"', b'"s\xff\xfex"'),
    "not an object": lambda penguin: json.dumps(list(penguin.values())[:4]).encode(),
    "unknown field": _with(beak_colour="orange"),
    "number as text": lambda penguin: json.dumps(
        {**penguin, "body_mass_g": str(penguin["body_mass_g"])}
    ).encode(),
    "boolean as number": _with(flipper_length_mm=True),
    "NaN": _with(bill_depth_mm=float("nan")),
    "infinite": _with(body_mass_g=float("inf")),
    "negative": lambda penguin: json.dumps(
        {**penguin, "bill_length_mm": -penguin["bill_length_mm"]}
    ).encode(),
    "zero": _with(bill_depth_mm=0),
    "kilograms for grams": lambda penguin: json.dumps(
        {**penguin, "body_mass_g": penguin["body_mass_g"] / 1000}
    ).encode(),
    "beyond any penguin": _with(flipper_length_mm=2_170),
    "unknown sex": _with(sex="unknown"),
    "unknown island": _with(island="Galápagos"),
    "fractional year": _with(year=2008.5),
    "no measurement": lambda penguin: json.dumps(
        {"sex": penguin["sex"], "island": penguin["island"]}
    ).encode(),
    "local time": _with(observed_at="2026-11-23T12:00:00"),
    "several at once": _with(body_mass_g=-1, sex="f", wings=2),
    "uneven table": lambda penguin: json.dumps(
        {"bill_length_mm": [penguin["bill_length_mm"]] * 2, "year": [2007]}
    ).encode(),
    "empty table": lambda _: json.dumps({"bill_length_mm": [], "year": []}).encode(),
}

KINDS: Final = tuple(_WAYS)
"""The kinds of invalid payloads that `invalid_examples` yields."""
