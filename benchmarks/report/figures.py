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

    def contenders(self, **where: float | str) -> list[str]:
        """Name everybody who was measured, in the order of the first record; `where` narrows it, as everywhere."""
        return list(dict.fromkeys(each["who"] for each in self._found(where)))

    def values(self, name: str, **where: float | str) -> list[Any]:
        """Give what a fact of the records can be, in the order of the first one."""
        return list(dict.fromkeys(each[name] for each in self._found(where) if name in each))

    def by_round(self, who: str, figure: str, **where: float | str) -> ByRound:
        """Give a figure of one contender; `where` narrows it to records with these values."""
        found: dict[int, float] = {
            each["round"]: each[figure]
            for each in self._found(where)
            if each["who"] == who and figure in each
        }
        if not found:
            raise KeyError(f"{figure} of {who}")
        return found

    def _found(self, where: Mapping[str, float | str]) -> list[dict[str, Any]]:
        return [
            each for each in self._records if all(each.get(name) == value for name, value in where.items())
        ]

    def spread(self, who: str, figure: str, **where: float | str) -> Spread:
        """Sum a figure of one contender up over the rounds."""
        return spread(self.by_round(who, figure, **where).values())

    def series(self, who: str, figure: str) -> list[float]:
        """Give a figure of one contender as it went within its round."""
        return [each[figure] for each in self._records if each["who"] == who]

    def best(self, family: str, figure: str, *, highest: bool = False, **where: float | str) -> str:
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
