"""The example of a contract: one whole reading, for documents and for proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Feature


def example_fields(contract: Contract) -> dict[str, Any]:
    """A valid reading with every feature: their examples, and likely values where the contract names none."""
    return {feature.name: example_value(feature) for feature in contract.features}


def example_value(feature: Feature) -> float | str | bool:
    """The example of a feature, else the first category, true, or the number in the middle of what is possible."""
    if feature.example is not None:
        return feature.example
    if feature.kind == "category":
        return feature.categories[0]
    if feature.kind == "flag":
        return True
    least, most, whole = feature.range
    if feature.least is None or feature.most is None:
        number = min(max(0.0, least), most)
    else:
        number = (least + most) / 2
    return int(number) if whole else number


def unknown_word(feature: Feature) -> str:
    """A word that is none of a category's."""
    word = "unknown"
    while word in feature.categories:
        word += "_"
    return word
