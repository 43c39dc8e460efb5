"""Descriptions: what derived schemas say of a feature in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.schemas.contract.feature import Feature


def described(feature: Feature) -> str:
    """A feature's description with its unit; empty where the contract has neither."""
    unit = f"in {feature.unit}" if feature.unit else ""
    return ", ".join(text for text in (feature.description, unit) if text)
