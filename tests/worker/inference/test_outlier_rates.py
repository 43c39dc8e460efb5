"""The share of outliers that is caught, at the rates that docs/explanation/out-of-distribution.md states.

Caught is what the schema's bounds reject, or the outlier rule flags. Mistakes are made on each known penguin that
was measured whole; made-up penguins are seeded.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import ValidationError

from rookery.schemas.contract.default import default_contract
from rookery.schemas.reading import Reading
from rookery.training.tables.data import training_data
from rookery.training.tables.source_table import read_csv
from rookery.worker.models.loader import SHIPPED, load
from tests.shipped import MEASUREMENTS, matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    Fields = dict[str, float]

ROOT: Final = Path(__file__).parents[3]
STATED: Final = (ROOT / "docs" / "explanation" / "out-of-distribution.md").read_text()
CLASSIFIER: Final = load(SHIPPED)
PENGUINS: Final = [
    dict(zip(MEASUREMENTS, map(float, row[:4]), strict=True))
    for row in training_data(read_csv(ROOT / "data" / "penguins.csv"), default_contract()).matrix
    if not any(cell != cell for cell in row[:4])  # noqa: PLR0124  only NaN differs from itself
]


def caught(penguins: list[Fields]) -> float:
    """The share of penguins that are rejected or flagged."""
    kept = []
    for penguin in penguins:
        try:
            kept.append(Reading(**penguin))
        except ValidationError:
            continue
    flagged = int(CLASSIFIER.classify(matrix(kept)).out_of_distribution.sum()) if kept else 0
    return (len(penguins) - len(kept) + flagged) / len(penguins)


def times(factor: float, *names: str) -> Callable[[Fields], Fields]:
    return lambda penguin: {
        name: value * factor if name in names else value for name, value in penguin.items()
    }


def swapped(one: str, other: str) -> Callable[[Fields], Fields]:
    return lambda penguin: {**penguin, one: penguin[other], other: penguin[one]}


BILL, DEPTH, FLIPPER, MASS = MEASUREMENTS
MISTAKES: Final[dict[str, Callable[[Fields], Fields]]] = {
    "mass in kilograms": times(0.001, MASS),
    "mass in ounces": times(1 / 28.35, MASS),
    "mass in pounds": times(1 / 453.6, MASS),
    "all lengths in inches": times(1 / 25.4, BILL, DEPTH, FLIPPER),
    "all lengths in centimetres": times(0.1, BILL, DEPTH, FLIPPER),
    "bill length in inches": times(1 / 25.4, BILL),
    "bill depth in inches": times(1 / 25.4, DEPTH),
    "flipper in inches": times(1 / 25.4, FLIPPER),
    "flipper in centimetres": times(0.1, FLIPPER),
    "bill's length and depth exchanged": swapped(BILL, DEPTH),
    "flipper and bill length exchanged": swapped(FLIPPER, BILL),
    "one digit too many in the mass": times(10, MASS),
    "chick of half the size": lambda penguin: {
        BILL: penguin[BILL] * 0.5,
        DEPTH: penguin[DEPTH] * 0.5,
        FLIPPER: penguin[FLIPPER] * 0.5,
        MASS: penguin[MASS] * 0.2,
    },
    "fledgling of four fifths": lambda penguin: {
        BILL: penguin[BILL] * 0.8,
        DEPTH: penguin[DEPTH] * 0.8,
        FLIPPER: penguin[FLIPPER] * 0.8,
        MASS: penguin[MASS] * 0.55,
    },
}

# Mean and standard deviation of adults, after the usual handbooks, rounded; not in the training data.
SPECIES: Final = {
    "emperor": {BILL: (81, 4), DEPTH: (26, 1.5), FLIPPER: (345, 15), MASS: (30000, 4000)},
    "king": {BILL: (120, 6), DEPTH: (27, 1.5), FLIPPER: (330, 12), MASS: (13500, 1300)},
    "macaroni": {BILL: (58, 3), DEPTH: (25, 1.5), FLIPPER: (205, 7), MASS: (4800, 500)},
    "little": {BILL: (36, 2), DEPTH: (13.5, 1), FLIPPER: (118, 5), MASS: (1150, 130)},
}


def made_up(likeness: dict[str, tuple[float, float]]) -> list[Fields]:
    chance = random.Random(9)  # noqa: S311  believable, not secret
    return [{name: chance.gauss(*spread) for name, spread in likeness.items()} for _ in range(500)]


def stated(name: str) -> float:
    """The rate in the document's table, as a share."""
    (found,) = re.findall(rf"^\| {re.escape(name)} \| ([\d.]+) % \|$", STATED, flags=re.MULTILINE)
    return round(float(found) / 100, 3)


def rates() -> dict[str, float]:
    """Every kind with its rate, as the document has to state them."""
    kinds: dict[str, list[Any]] = {
        name: [wrong(penguin) for penguin in PENGUINS] for name, wrong in MISTAKES.items()
    }
    kinds |= {f"{name} penguin": made_up(likeness) for name, likeness in SPECIES.items()}
    return {name: caught(penguins) for name, penguins in kinds.items()}


@pytest.mark.parametrize(("name", "rate"), rates().items())
def test_outliers_are_caught_at_the_stated_rate(name: str, rate: float) -> None:
    """The document's figure is the measured one."""
    assert round(rate, 3) == stated(name)


def test_false_alarms_are_as_stated() -> None:
    """Known penguins are flagged as rarely as the document says, held out as the card measured it."""
    assert stated("known penguins, in training") == round(caught(PENGUINS), 3)
    assert stated("known penguins, held out") == round(CLASSIFIER.card.report.false_alarms, 3)
