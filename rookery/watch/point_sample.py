"""PointSample: a random sample of the readings whose features are in the results, for the scatter chart."""

from __future__ import annotations

from random import Random
from typing import Any, Final

SIZE: Final = 1_000


class PointSample:
    """Keeps a uniform random sample (reservoir) of the readings out of distribution, and one of the others.

    Workers write the features of more readings out of distribution than of others. The sample is drawn from both
    reservoirs such that their share is that among all predictions.
    """

    def __init__(self, size: int = SIZE) -> None:
        """Store the sample's size; it is empty."""
        self._size = size
        self._random = Random()  # noqa: S311  a sample, no secret
        self._rows: tuple[list[list[Any]], list[list[Any]]] = ([], [])
        self._seen = [0, 0]

    def add(self, row: list[Any], *, out_of_distribution: bool) -> None:
        """Offer a row: each of its kind that was offered is kept with the same chance (Vitter's algorithm R)."""
        kept = self._rows[out_of_distribution]
        self._seen[out_of_distribution] += 1
        if len(kept) < self._size:
            # A random place for each, so that the first rows of the list are a random sample too.
            kept.append(row)
            place = self._random.randrange(len(kept))
            kept[place], kept[-1] = kept[-1], kept[place]
            return
        place = self._random.randrange(self._seen[out_of_distribution])
        if place < self._size:
            kept[place] = row

    @property
    def offered(self) -> int:
        """How many rows were offered."""
        return sum(self._seen)

    def rows(self, share: float) -> list[list[Any]]:
        """The sample's rows, of which this share (0 to 1) is out of distribution as far as there are rows for it."""
        usual, outliers = self._rows
        size = min(self._size, round(len(usual) / (1 - share))) if usual and share < 1 else self._size
        wanted = round(size * share) if usual else size
        return [*usual[: size - wanted], *outliers[:wanted]]
