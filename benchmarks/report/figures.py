"""Figures: look up what a section measured, by contender and round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.report.spread import Spread, spread

if TYPE_CHECKING:
    from collections.abc import Mapping

ByRound = dict[int, float]
"""One figure of one contender, by the number of the round."""


class Figures:
    """The records of one section; every look-up raises KeyError where nothing was measured."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        self._records: list[dict[str, Any]] = section["records"]

    def contenders(self) -> list[str]:
        """Name everybody who was measured, in the order of the first record."""
        return list(dict.fromkeys(each["who"] for each in self._records))

    def by_round(self, who: str, figure: str, **where: float) -> ByRound:
        """Give a figure of one contender; `where` narrows it to records with these values."""
        found: dict[int, float] = {
            each["round"]: each[figure]
            for each in self._records
            if each["who"] == who and all(each.get(name) == value for name, value in where.items())
        }
        if not found:
            raise KeyError(f"{figure} of {who}")
        return found

    def spread(self, who: str, figure: str, **where: float) -> Spread:
        """Sum a figure of one contender up over the rounds."""
        return spread(self.by_round(who, figure, **where).values())

    def series(self, who: str, figure: str) -> list[float]:
        """Give a figure of one contender as it went within its round."""
        return [each[figure] for each in self._records if each["who"] == who]

    def best(self, family: str, figure: str, *, highest: bool = False, **where: float) -> str:
        """Name the one of a family whose median is best: of a peer, its best setting counts."""
        names = dict.fromkeys(each["who"] for each in self._records if each.get("family") == family)
        medians: dict[str, float] = {}
        for name in names:
            try:
                medians[name] = self.spread(name, figure, **where).median
            except KeyError:
                continue
        if not medians:
            raise KeyError(f"{figure} of {family}")
        return (max if highest else min)(medians, key=lambda name: medians[name])
