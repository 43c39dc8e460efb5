"""InvalidExample: payloads that a contract refuses, of every kind that is possible in it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.contract.default import default_compiled
from rookery.schemas.contract.example import unknown_word
from rookery.schemas.testing.factory import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rookery.schemas.contract.compiled import CompiledContract, Fields
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.feature import Feature


@dataclass(frozen=True, slots=True)
class InvalidExample:
    """A payload that must be refused, and what is wrong with it."""

    kind: str
    payload: bytes


def invalid_examples(seed: int, contract: CompiledContract | None = None) -> Iterator[InvalidExample]:
    """Yield invalid payloads without end, each kind in turn, made from a different reading each time.

    They are of the shipped contract where no other is given. A kind that cannot occur in the contract is skipped.
    """
    compiled = contract or default_compiled()
    factory = ReadingFactory(seed, contract)
    dice = random.Random(f"invalid/{seed}")  # noqa: S311  repeatable, not secret
    while True:
        for kind, change in _WAYS.items():
            payload = change(_Valid(compiled.contract, factory.fields(), dice))
            if payload is not None:
                yield InvalidExample(kind=kind, payload=payload)


def invalid_kinds(contract: CompiledContract | None = None) -> tuple[str, ...]:
    """The kinds of invalid payloads that are possible in a contract."""
    found: list[str] = []
    for each in invalid_examples(1, contract):
        if each.kind in found:
            return tuple(found)
        found.append(each.kind)
    raise AssertionError


@dataclass(frozen=True, slots=True)
class _Valid:
    """A valid reading of a contract, to be made invalid."""

    contract: Contract
    fields: Fields
    dice: random.Random

    def dumps(self, **changes: Any) -> bytes:
        return json.dumps({**self.fields, **changes}).encode()

    def without(self, *names: str) -> bytes:
        return json.dumps({name: value for name, value in self.fields.items() if name not in names}).encode()

    def change(self, value: Callable[[Feature, Any], Any]) -> bytes | None:
        """The reading with an impossible value of any feature that has one; None where none has."""
        changes = {
            feature.name: impossible
            for feature in self.contract.features
            if (impossible := value(feature, self.fields[feature.name])) is not None
        }
        if not changes:
            return None
        name = self.dice.choice([*changes])
        return self.dumps(**{name: changes[name]})

    @property
    def unused(self) -> str:
        """A name that is no field's."""
        name = "surprise"
        while name in self.fields:
            name += "_"
        return name


def _number(impossible: Callable[[float], Any]) -> Callable[[_Valid], bytes | None]:
    """Put another value in the place of a number; where the contract allows that value too, nothing is wrong."""

    def value(feature: Feature, usual: Any) -> Any:
        if not feature.numeric:
            return None
        made = impossible(usual)
        refused = isinstance(made, str | bool) or made != made or not feature.possible(made)  # noqa: PLR0124  only NaN differs from itself
        return made if refused else None

    return lambda valid: valid.change(value)


def _beyond(feature: Feature, _usual: Any) -> float | None:
    most = feature.range.most if feature.numeric else None
    return None if most is None else most + abs(most) + 1


def _in_another_unit(feature: Feature, usual: Any) -> float | None:
    if feature.kind != "number" or feature.possible(usual / 1_000):
        return None
    return float(usual / 1_000)


def _unknown_category(valid: _Valid) -> bytes | None:
    return valid.change(
        lambda feature, _usual: (
            unknown_word(feature)
            if feature.kind == "category" and not valid.contract.takes_unknown(feature)
            else None
        )
    )


def _without_required(valid: _Valid) -> bytes | None:
    required = [feature.name for feature in valid.contract.features if feature.required]
    return valid.without(valid.dice.choice(required)) if required else None


def _without_group(valid: _Valid) -> bytes | None:
    groups = valid.contract.at_least_one_of
    return valid.without(*valid.dice.choice(groups)) if groups else None


def _several(valid: _Valid) -> bytes:
    numbers = {each.name: _beyond(each, None) for each in valid.contract.features if each.numeric}
    return valid.dumps(**{**numbers, valid.unused: 2, "device_id": ""})


def _uneven_table(valid: _Valid) -> bytes:
    name, value = next(iter(valid.fields.items()))
    return json.dumps({name: [value] * 2, "device_id": ["one"]}).encode()


_WAYS: Final[dict[str, Callable[[_Valid], bytes | None]]] = {
    "empty": lambda _: b"",
    "not JSON": lambda valid: valid.dumps()[:-1],
    "not UTF-8": lambda valid: valid.dumps().replace(b'"', b'"\xff\xfe', 1),
    "not an object": lambda valid: json.dumps([*valid.fields.values()][:4]).encode(),
    "unknown field": lambda valid: valid.dumps(**{valid.unused: "orange"}),
    "number as text": _number(str),
    "boolean as number": _number(lambda _: True),
    "NaN": _number(lambda _: float("nan")),
    "infinite": _number(lambda _: float("inf")),
    "negative": _number(lambda usual: -abs(usual)),
    "zero": _number(lambda usual: type(usual)(0)),
    "another unit": lambda valid: valid.change(_in_another_unit),
    "beyond bounds": lambda valid: valid.change(_beyond),
    "unknown category": _unknown_category,
    "fractional integer": lambda valid: valid.change(
        lambda feature, usual: usual + 0.5 if feature.kind == "integer" else None
    ),
    "no feature of a group": _without_group,
    "required feature missing": _without_required,
    "local time": lambda valid: valid.dumps(observed_at="2026-11-23T12:00:00"),
    "several at once": _several,
    "uneven table": _uneven_table,
    "empty table": lambda valid: json.dumps({name: [] for name in [*valid.fields][:2]}).encode(),
}

KINDS: Final = invalid_kinds()
"""The kinds of invalid payloads that are possible in the shipped contract."""
