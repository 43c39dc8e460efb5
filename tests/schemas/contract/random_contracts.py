"""Random contracts and readings, from a seed: families of similar contracts, and readings near the edges of one."""

from __future__ import annotations

import random
from typing import Any

from rookery.schemas.contract.contract import Contract

NAMES = ("a", "b c", "Ä (mm)", "d.e")
WORDS = ("x", "null", "yes, or no", "3")
BOUNDS = (None, -2, -1, 0, 0.5, 1, 7.25, 1e15)
LABELS = (("p", "q"), ("q", "p"), ("p", "q", "r"), ("a b", "q"), ("c d", "q"), ("p", "P"))


class RandomContracts:
    """Contracts of few features and few words, so that two of a family are often alike; the same seed, the same contracts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  not secret

    def contract(self) -> Contract:
        """Any contract."""
        names = self.random.sample(NAMES, self.random.randint(1, len(NAMES)))
        features = {name: self._feature() for name in names}
        said = {"unknown_categories": self.random.choice(("refuse", "missing"))}
        return self._of(features, said | {"at_least_one_of": self._groups(features)})

    def variant(self, contract: Contract) -> Contract:
        """The same contract with one or two changes."""
        features = {
            each.name: each.model_dump(exclude={"name"}, exclude_defaults=True) for each in contract.features
        }
        said = contract.model_dump(exclude={"features", "name"}, exclude_defaults=True)
        for _ in range(self.random.randint(1, 2)):
            name = self.random.choice(NAMES)
            change = self.random.randrange(9)
            if change == 0:
                features[name] = self._feature()
            elif change == 1 and len(features) > 1:
                features.pop(name, None)
            elif change == 2 and name in features:
                features[name]["required"] = self.random.random() < 0.5
            elif change == 3:
                said["unknown_categories"] = self.random.choice(("refuse", "missing"))
            elif change == 4:
                said["at_least_one_of"] = self._groups(features)
            elif change == 5:
                said["target"], said["labels"] = self.random.choice("tu"), self.random.choice(LABELS)
            elif name in features:
                kept = {key: features[name][key] for key in ("required",) if key in features[name]}
                features[name] = self._feature(features[name].get("kind", "number")) | kept
        return self._of(features, said)

    def reading(self, contract: Contract) -> dict[str, Any]:
        """A reading with values at, within and beyond the edges of a contract: it need not be valid."""
        fields = {feature.name: self._value(feature.kind, feature.range) for feature in contract.features}
        return {name: value for name, value in fields.items() if self.random.random() < 0.8}

    def _value(self, kind: str, bounds: tuple[float, float, bool]) -> Any:
        if self.random.random() < 0.1:
            return None
        if kind == "flag":
            return self.random.random() < 0.5
        if kind == "category":
            return self.random.choice((*WORDS, "another", ""))
        least, most, whole = bounds
        value = self.random.choice((least, most, 0, 1, min(max(0.25, least), most)))
        return int(value) if whole else self.random.choice((int, float))(value)

    def _feature(self, kind: str | None = None) -> dict[str, Any]:
        kind = kind or self.random.choice(("number", "integer", "category", "flag"))
        said: dict[str, Any] = {"kind": kind, "required": self.random.random() < 0.3}
        if kind == "category":
            said["categories"] = tuple(self.random.sample(WORDS, self.random.randint(1, len(WORDS))))
        elif kind in {"number", "integer"}:
            bounds = [bound for bound in BOUNDS if kind == "number" or bound is None or bound % 1 == 0]
            said["least"], said["most"] = self.random.choice(bounds), self.random.choice(bounds)
            said["unit"] = self.random.choice((None, None, None, "mm", "g"))
            if None not in (said["least"], said["most"]) and said["least"] > said["most"]:
                said["least"], said["most"] = said["most"], said["least"]
        return said

    def _groups(self, features: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
        names = list(features)
        return tuple(
            tuple(self.random.sample(names, self.random.randint(1, len(names))))
            for _ in range(self.random.randint(0, 2))
        )

    def _of(self, features: dict[str, Any], said: dict[str, Any]) -> Contract:
        groups = [[name for name in group if name in features] for group in said.get("at_least_one_of", ())]
        return Contract.model_validate(
            {"target": "t", "labels": ("p", "q"), "unknown_categories": "refuse", **said}
            | {
                "name": "random",
                "at_least_one_of": tuple(tuple(group) for group in groups if group),
                "features": tuple({"name": name, **each} for name, each in features.items()),
            }
        )
