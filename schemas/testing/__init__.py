"""Seeded builders of valid readings and of invalid payloads of any contract, for tests, demo and load."""

from __future__ import annotations

from rookery.schemas.testing.factory import ReadingFactory
from rookery.schemas.testing.invalid import KINDS, InvalidExample, invalid_examples, invalid_kinds
from rookery.schemas.testing.likeness import Likeness, card_likeness

__all__ = [
    "KINDS",
    "InvalidExample",
    "Likeness",
    "ReadingFactory",
    "card_likeness",
    "invalid_examples",
    "invalid_kinds",
]
