"""CompiledContract: what is derived from a contract once, for every reading that follows."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NotRequired, Required

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from rookery.schemas.contract.feature import IDENTITY
from rookery.schemas.contract.reading_classes import AnyReading, AnyTable, reading_class, table_class
from rookery.schemas.contract.types import IDENTITY_TYPES, value_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rookery.schemas.contract.contract import Contract

Fields = dict[str, Any]
"""A valid reading as plain values under its names; what is unknown is None or absent."""

NAN: Final = float("nan")


class CompiledContract:
    """A contract with its validators and its encoder of readings into the model's matrix; immutable.

    `names` are the features in the matrix's order, `members` all fields of a reading, identity fields last; `optional` are
    those that may be absent. `types` maps each member to the type of its values, null left aside, and `codes` the place of
    each category in the matrix to what its words are there.
    """

    def __init__(self, contract: Contract) -> None:
        """Derive what is cheap; validators are made when they are asked for."""
        self.contract = contract
        self.names = contract.names
        self.members = (*self.names, *IDENTITY)
        self.required = frozenset(feature.name for feature in contract.features if feature.required)
        self.groups = contract.at_least_one_of
        self.types: dict[str, Any] = {
            feature.name: value_type(feature, unknown=contract.takes_unknown(feature))
            for feature in contract.features
        } | IDENTITY_TYPES
        self.categories = {
            feature.name: feature.categories for feature in contract.features if feature.categories
        }
        self.codes = {
            place: _Codes(feature.categories, unknown=contract.takes_unknown(feature))
            for place, feature in enumerate(contract.features)
            if feature.categories
        }
        every = itemgetter(*self.names)
        self._every: Callable[[Fields], tuple[Any, ...]] = (
            every if len(self.names) > 1 else lambda fields: (every(fields),)
        )

    @cached_property
    def reading(self) -> type[AnyReading]:
        """The class of this contract's readings."""
        return reading_class(self.types, self.required, self.lacking)

    @cached_property
    def table(self) -> type[AnyTable]:
        """The class of this contract's tables."""
        return table_class(self.types, self.required, self.reading)

    @cached_property
    def bracketed(self) -> bool:
        """Whether a reading may hold the bracket that marks a table: in a name, or in a category."""
        words = (*self.members, *chain.from_iterable(self.categories.values()))
        return self.contract.unknown_categories == "missing" or any("[" in word for word in words)

    @cached_property
    def validate_fields(self) -> Callable[[bytes], Fields]:
        """Reads a reading's JSON into Fields; ValidationError with each broken rule but those on groups of features."""
        return _validator(
            {
                name: Required[kind] if name in self.required else NotRequired[kind | None]
                for name, kind in self.types.items()
            }
        )

    @cached_property
    def validate_rows(self) -> Callable[[bytes], dict[str, list[Any]]]:
        """Reads columns of cells; ValidationError with each wrong cell."""
        return _validator(
            {
                name: NotRequired[list[kind] if name in self.required else list[kind | None]]  # type: ignore[valid-type]  # made when it runs
                for name, kind in self.types.items()
            }
        )

    def table_of(self, columns: Mapping[str, list[Any]]) -> AnyTable:
        """Make a table of columns that are known to be valid."""
        return self.table.model_construct(None, **columns)

    def lacking(self, fields: Mapping[str, Any]) -> tuple[str, ...] | None:
        """The first group of features of which a reading has none; None where it has one of each."""
        for group in self.groups:
            if fields.get(group[0]) is None and all(fields.get(name) is None for name in group):
                return group
        return None

    def fields_matrix(self, readings: Iterable[Fields]) -> NDArray[np.float32]:
        """Encode readings as a float32 matrix of shape (readings, features); what is missing is NaN."""
        import numpy as np  # noqa: PLC0415  the contract must not cost a device numpy

        # One list for all: rows of rows would be traversed twice. None becomes NaN on the way to float.
        flat: list[Any] = []
        width = len(self.names)
        for fields in readings:
            try:
                flat += self._every(fields)
            except KeyError:
                flat += [fields.get(name) for name in self.names]
        for place, codes in self.codes.items():
            flat[place::width] = [codes[word] for word in flat[place::width]]
        return np.array(flat, dtype=np.float32).reshape(-1, width)

    def columns_matrix(
        self, columns: Mapping[str, Sequence[float | str | bool | None] | None], rows: int
    ) -> NDArray[np.float32]:
        """Encode columns of equal length as a float32 matrix of shape (rows, features); an absent column is NaN."""
        import numpy as np  # noqa: PLC0415  the contract must not cost a device numpy

        encoded = np.full((rows, len(self.names)), np.nan, dtype=np.float32)
        for place, name in enumerate(self.names):
            column = columns.get(name)
            if column is not None:
                codes = self.codes.get(place)
                encoded[:, place] = column if codes is None else [codes[word] for word in column]  # type: ignore[index]
        return encoded

    def missing(self, row: Sequence[float]) -> tuple[str, ...]:
        """Name the features that are NaN in one encoded row."""
        return tuple(name for name, value in zip(self.names, row, strict=True) if value != value)  # noqa: PLR0124  only NaN differs from itself


class _Codes(dict[str | None, float]):
    """The code of each word of a category; NaN for None, and where the contract says so for an unknown word."""

    def __init__(self, words: Sequence[str], *, unknown: bool) -> None:
        super().__init__({word: float(code) for code, word in enumerate(words)})
        self[None] = NAN
        self._unknown = unknown

    def __missing__(self, word: str | None) -> float:
        if self._unknown:
            return NAN
        raise KeyError(word)


def _validator(members: dict[str, Any]) -> Callable[[bytes], Any]:
    kind: Any = TypedDict("kind", members)  # type: ignore[misc]  # made from the contract, so that the rules stand once
    strict: Any = with_config(ConfigDict(strict=True, extra="forbid"))(kind)
    validate: Callable[[bytes], Any] = TypeAdapter(strict).validator.validate_json
    return validate
