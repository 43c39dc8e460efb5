"""The contract as the page's scripts need it: labels, axes of the chart, and titles of the features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Feature


def script(contract: Contract) -> bytes:
    """The contract as a script; what a file of a contract says stays inside of its texts."""
    return b'"use strict";\nconst contract = %b;\n' % to_json(described(contract))


def described(contract: Contract) -> dict[str, Any]:
    """Plain values: `x` and `y` are titles with units, or None where the contract has no two measurements."""
    axes = contract.axes
    return {
        "name": contract.name,
        "target": contract.target,
        "title": _sentence(contract.target),
        "labels": contract.labels,
        "x": None if axes is None else axis(contract.feature(axes.x)),
        "y": None if axes is None else axis(contract.feature(axes.y)),
        "features": {each.name: title(each) for each in contract.features},
    }


def title(feature: Feature) -> str:
    """A feature's name as words, the unit at its end left out."""
    return _sentence(feature.name.removesuffix(f"_{feature.unit}"))


def axis(feature: Feature) -> str:
    """The title of an axis: the feature and its unit."""
    return f"{title(feature)}, {feature.unit}" if feature.unit else title(feature)


def _sentence(name: str) -> str:
    words = name.replace("_", " ").strip() or name
    return words[:1].upper() + words[1:]
