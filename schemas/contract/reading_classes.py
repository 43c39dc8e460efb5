"""AnyReading and AnyTable: the classes of a contract's readings and tables, made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

MAX_ROWS: Final = 100_000
"""Rows in one table; Pub/Sub's 10 MB hold about twice as many of ten columns."""

NO_COLUMN: Final = "a table needs at least one column"

Made = TypeVar("Made", "AnyReading", "AnyTable")

_CONFIG: Final = ConfigDict(
    strict=True, extra="forbid", frozen=True, serialize_by_alias=True, protected_namespaces=()
)


class Lacking(NamedTuple):
    """Names the first group of features of which a reading has none."""

    group: Callable[[Mapping[str, Any]], tuple[str, ...] | None]


class AnyReading(BaseModel):
    """One observation by a contract; anything unknown is null or left out.

    Strict: unknown fields, NaN, booleans as numbers and numbers as strings are refused, all at once. A time is text by
    RFC 3339 with its offset (a space may stand for the T; no leap seconds); digits alone, days and weeks are refused.
    `reading_id` is the identity of the observation; where it is absent the message's own
    (made of its id, its subscription and its publish time) stands in.
    """

    model_config = _CONFIG
    _lacking: ClassVar[Lacking]
    _names: ClassVar[Mapping[str, str]]
    """Each attribute's name in the contract, which cannot always be an attribute's."""

    if TYPE_CHECKING:
        reading_id: str | None
        device_id: str | None
        observed_at: datetime | None

        def __init__(self, **fields: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    @property
    def fields(self) -> dict[str, Any]:
        """The plain values under the contract's own names; what is unknown is None."""
        return {self._names[name]: value for name, value in self.__dict__.items()}

    # By values: a contract that is read twice makes two classes.
    def __eq__(self, other: object) -> bool:
        return self.fields == other.fields if isinstance(other, AnyReading) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.fields.items()))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if group := self._lacking.group(self.fields):
            raise ValueError(needed(group))
        return self


class AnyTable(BaseModel):
    """Columns of equal length under a reading's own names; a cell that is unknown is null, a column absent.

    Strict like a reading. Whether a row has the features that it needs is the codec's question, for it costs one row only.
    """

    model_config = _CONFIG
    _reading: ClassVar[type[AnyReading]]
    _names: ClassVar[Mapping[str, str]]

    if TYPE_CHECKING:
        reading_id: list[str | None] | None
        device_id: list[str | None] | None
        observed_at: list[datetime | None] | None

        def __init__(self, **columns: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The columns that are there, under the contract's own names."""
        return {self._names[name]: column for name, column in self.__dict__.items() if column is not None}

    @property
    def rows(self) -> int:
        """The number of readings."""
        return next((len(column) for column in self.__dict__.values() if column is not None), 0)

    def select(self, rows: Iterable[int]) -> AnyTable:
        """Take some rows of a valid table."""
        chosen = list(rows)
        columns: dict[str, Any] = {
            name: [column[row] for row in chosen]
            for name, column in self.__dict__.items()
            if column is not None
        }
        return self.model_construct(_fields_set=set(columns), **columns)

    def row(self, nth: int) -> AnyReading:
        """Take one row of a valid table as a reading of its own."""
        return self._reading(**{name: column[nth] for name, column in self.columns.items()})

    def __eq__(self, other: object) -> bool:
        return self.columns == other.columns if isinstance(other, AnyTable) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # lists have none

    @model_validator(mode="after")
    def _even(self) -> Self:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if not lengths:
            raise ValueError(NO_COLUMN)
        if len(set(lengths.values())) > 1:
            raise ValueError(uneven(lengths))
        return self


def reading_class(
    types: Mapping[str, Any],
    required: Collection[str],
    lacking: Callable[[Mapping[str, Any]], tuple[str, ...] | None],
) -> type[AnyReading]:
    """Make the class of a contract's readings, of its types by name; `lacking` names what a reading needs beside those required."""
    members = {name: kind if name in required else kind | None for name, kind in types.items()}
    made, names = _class("Reading", AnyReading, members, required)
    made._lacking, made._names = Lacking(lacking), names  # noqa: SLF001  made here
    return made


def table_class(
    types: Mapping[str, Any], required: Collection[str], reading: type[AnyReading]
) -> type[AnyTable]:
    """Make the class of a contract's tables, whose rows are readings of a class."""
    members = {name: _column(kind if name in required else kind | None) for name, kind in types.items()}
    members |= {name: kind | None for name, kind in members.items() if name not in required}
    made, names = _class("ReadingTable", AnyTable, members, required)
    made._reading, made._names = reading, names  # noqa: SLF001  made here
    return made


def _column(cell: Any) -> Any:
    # Of each column the first error only: a large table may have a million.
    return Annotated[list[cell], Field(min_length=1, max_length=MAX_ROWS, fail_fast=True)]


def _class(
    name: str, parent: type[Made], members: Mapping[str, Any], required: Collection[str]
) -> tuple[type[Made], dict[str, str]]:
    """Make a class, and say what each attribute is called in the contract."""
    definitions: dict[str, Any] = {}
    names = {}
    for nth, (member, kind) in enumerate(members.items()):
        usable = member.isidentifier() and not member.startswith("_") and not hasattr(parent, member)
        attribute = member if usable else f"feature_{nth}"
        field: dict[str, Any] = {} if usable else {"alias": member}
        if member not in required:
            field["default"] = None
        names[attribute] = member
        definitions[attribute] = (kind, Field(**field))
    return create_model(name, __base__=parent, __doc__=parent.__doc__, **definitions), names


def uneven(lengths: dict[str, int]) -> str:
    """Say which columns differ in length."""
    counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
    return f"columns of equal length are needed; these have: {counts}"


def needed(group: tuple[str, ...]) -> str:
    """Say which features a reading needs one of."""
    return f"at least one of {', '.join(group)} is needed" if len(group) > 1 else f"{group[0]} is needed"
