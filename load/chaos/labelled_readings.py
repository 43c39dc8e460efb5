"""LabelledReadings: birds whose species the model has said beforehand, undisturbed."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from random import Random

_BIRDS: Final = 1000
_ANSWERS_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class LabelledReading:
    """A bird's fields and the species that the model says it is."""

    fields: dict[str, Any]
    species: str


class LabelledReadings:
    """Birds to draw from, again and again; each sighting gets an identity of its own."""

    def __init__(self, birds: list[LabelledReading]) -> None:
        self._birds = birds

    def draw(self, dice: Random) -> LabelledReading:
        """Any one of them."""
        return dice.choice(self._birds)


def answered_flock(address: str, seed: int) -> LabelledReadings:
    """Make birds and ask the worker at an address what they are, by its `/predict`; raises OSError."""
    colony = ReadingFactory(seed)
    fields = [colony.fields() for _ in range(_BIRDS)]
    table = {name: [bird[name] for bird in fields] for name in fields[0]}
    request = urllib.request.Request(f"{address}/predict", data=json.dumps(table).encode())  # noqa: S310  http on loopback only
    with urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310  the same
        predictions = json.load(answer)["predictions"]
    return LabelledReadings(
        [LabelledReading(bird, said["species"]) for bird, said in zip(fields, predictions, strict=True)]
    )
