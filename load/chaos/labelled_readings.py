"""LabelledReadings: readings whose label the model predicted before the run."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.contract.default import default_compiled
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from rookery.schemas.contract.compiled import CompiledContract

_COUNT: Final = 1000
_ANSWERS_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class LabelledReading:
    """The fields of a reading and its expected label."""

    fields: dict[str, Any]
    label: str


class LabelledReadings:
    """Readings to draw from, with replacement; the caller gives each its identity."""

    def __init__(self, readings: list[LabelledReading]) -> None:
        self._readings = readings

    def __iter__(self) -> Iterator[LabelledReading]:
        return iter(self._readings)

    def draw(self, dice: Random) -> LabelledReading:
        """Any one of them."""
        return dice.choice(self._readings)


def labelled_readings(address: str, seed: int, contract: CompiledContract | None = None) -> LabelledReadings:
    """Make readings of a contract (the shipped one without it) and let the worker at an address predict them at `/predict`; raises OSError."""
    contract = contract or default_compiled()
    factory = ReadingFactory(seed, contract)
    fields = [factory.fields() for _ in range(_COUNT)]
    table = {name: [each[name] for each in fields] for name in fields[0]}
    request = urllib.request.Request(f"{address}/predict", data=json.dumps(table).encode())  # noqa: S310  http on loopback only
    with urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310  the same
        predictions = json.load(answer)["predictions"]
    return LabelledReadings(
        [
            LabelledReading(each, prediction[contract.contract.target])
            for each, prediction in zip(fields, predictions, strict=True)
        ]
    )
