"""Likeness: the values that each feature is likely to have, label by label, so that synthetic readings are plausible."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rookery import data
from rookery.schemas.contract.example import example_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from rookery.schemas.artifact import ModelCard
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Feature

_REACH: Final = 3.0
"""Standard deviations from the mean that a value is within."""


class Normal(NamedTuple):
    """Values around a mean, in the feature's unit."""

    mean: float
    deviation: float


class Choice(NamedTuple):
    """Some values, each as likely as the others."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Likeness:
    """The likely values of some features by label; the rest follows from the contract alone."""

    labels: Mapping[str, Mapping[str, Normal | Choice]]

    def drawer(self, label: str, feature: Feature) -> Callable[[Random], Any]:
        """Draws likely values of a feature in readings of a label; all of them are possible."""
        said = self.labels.get(label, {}).get(feature.name)
        if isinstance(said, Choice) and all(map(feature.possible, said.values)):
            return lambda dice: dice.choice(said.values)
        if isinstance(said, Normal) and feature.numeric:
            return _numbers(feature, said)
        usual = _possible(feature)
        return (
            _numbers(feature, usual) if isinstance(usual, Normal) else lambda dice: dice.choice(usual.values)
        )


def _numbers(feature: Feature, normal: Normal) -> Callable[[Random], float]:
    """Draws numbers within three standard deviations and the bounds, rounded to a tenth of the deviation or finer."""
    mean, deviation = normal
    least, most, whole = feature.range
    digits = max(1, 1 + math.ceil(-math.log10(deviation))) if deviation > 0 else 1

    def draw(dice: Random) -> float:
        value = mean + deviation * max(-_REACH, min(_REACH, dice.gauss(0, 1)))
        return max(least, min(most, round(value) if whole else round(value, digits)))

    return (lambda dice: int(draw(dice))) if whole else draw


def contract_likeness(contract: Contract) -> Likeness:
    """The likely values in a contract's data set, as far as they are known: the shipped one's."""
    return _shipped() if contract.name == data.SHIPPED else Likeness({})


def card_likeness(card: ModelCard) -> Likeness:
    """The likely measurements of each label, from the distributions that a model was trained on."""
    if card.outliers is None:
        return contract_likeness(card.contract)
    return Likeness(
        {
            label: {
                name: Normal(mean, math.sqrt(row[place]))
                for place, (name, mean, row) in enumerate(
                    zip(card.outliers.features, cluster.mean, cluster.covariance, strict=True)
                )
            }
            for label, cluster in zip(card.labels, card.outliers.clusters, strict=True)
        }
    )


@cache
def _shipped() -> Likeness:
    said = json.loads((Path(data.__file__).parent / "likeness.json").read_text(encoding="utf-8"))
    return Likeness(
        {
            label: {
                name: Choice(tuple(each["values"])) if "values" in each else Normal(**each)
                for name, each in features.items()
            }
            for label, features in said.items()
        }
    )


def _possible(feature: Feature) -> Normal | Choice:
    """Any category, true and false, or numbers in the middle half of what is possible."""
    if feature.kind == "category":
        return Choice(feature.categories)
    if feature.kind == "flag":
        return Choice((False, True))
    least, most, _ = feature.range
    if feature.least is not None and feature.most is not None:
        return Normal((least + most) / 2, (most - least) / 12)
    mean = example_value(feature)
    assert not isinstance(mean, str)  # noqa: S101  a number's example is one
    return Normal(mean, max(abs(mean) / 10, 1.0))
