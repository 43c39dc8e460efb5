"""ReadingFactory: seeded builder of valid readings of any contract."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from rookery.schemas.contract.default import default_compiled
from rookery.schemas.testing.likeness import Likeness, contract_likeness

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.reading_classes import AnyReading, AnyTable


class ReadingFactory:
    """Builds valid readings; the same seed gives the same readings in the same order.

    They are of the shipped contract where no other is given. `likeness` says which values each label's readings have;
    without it they lie in the middle of what the contract allows.
    """

    def __init__(
        self, seed: int, contract: CompiledContract | None = None, *, likeness: Likeness | None = None
    ) -> None:
        """Store the seed's random stream."""
        self._random = random.Random(seed)  # noqa: S311  believable, not secret
        self._compiled = contract or default_compiled()
        self._contract = self._compiled.contract
        self._likeness = likeness or contract_likeness(self._contract)
        self._by_label: dict[str, dict[str, Callable[[random.Random], Any]]] = {}

    def fields(self, label: str | None = None) -> dict[str, Any]:
        """One reading as plain fields with every feature, numbers within three standard deviations of its label."""
        drawers = self._drawers(label or self._random.choice(self._contract.labels))
        return {name: draw(self._random) for name, draw in drawers.items()}

    def _drawers(self, label: str) -> dict[str, Callable[[random.Random], Any]]:
        if label not in self._by_label:
            self._by_label[label] = {
                feature.name: self._likeness.drawer(label, feature) for feature in self._contract.features
            }
        return self._by_label[label]

    def reading(self, **overrides: Any) -> AnyReading:
        """One reading; `overrides` replace its fields."""
        return self._compiled.reading(**{**self.fields(), **overrides})

    def readings(self, count: int, *, prefix: str = "") -> list[AnyReading]:
        """Many readings; with a prefix they are known as `<prefix>-<position>`."""
        if not prefix:
            return [self.reading() for _ in range(count)]
        return [self.reading(reading_id=f"{prefix}-{position}") for position in range(count)]

    def table(self, rows: int, *, prefix: str = "") -> AnyTable:
        """A table of that many rows; with a prefix its readings are known as `<prefix>-<row>`."""
        readings = [self.fields() for _ in range(rows)]
        columns: dict[str, list[Any]] = {name: [each[name] for each in readings] for name in readings[0]}
        if prefix:
            columns["reading_id"] = [f"{prefix}-{row}" for row in range(rows)]
        return self._compiled.table(**columns)
