"""Errors of a filter's text."""

from __future__ import annotations


class FilterError(ValueError):
    """A text that is no filter; the sentence names the place, counted in characters from 1."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(f"filter, character {place + 1}: {reason}.")
        self.place = place + 1
