"""StreamSchema: the columns of a stream, and of which type the cells of each are."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import Struct

from rookery.worker.decoding.arrow.flatbuffer import DamagedStreamError, FlatTable
from rookery.worker.decoding.arrow.messages import BYTE, INT, LONG, SHORT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_COLUMNS: Final = 20_000
"""Columns of a stream: each is a few microseconds' work before its name is known to be that of a feature."""

_TYPES: Final[Sequence[str]] = (
    *("none", "null", "int", "float", "binary", "text", "bool", "decimal", "date", "time", "timestamp"),
    *("interval", "list", "struct", "union", "fixed-size binary", "fixed-size list", "map", "duration"),
    *("large binary", "large text", "large list", "run-end encoded", "binary view", "text view"),
    *("list view", "large list view"),
)
_READ: Final = frozenset({"null", "int", "float", "text", "large text", "text view", "bool", "timestamp"})
_UNITS: Final = ("s", "ms", "us", "ns")
_WIDTHS: Final = frozenset({8, 16, 32, 64})
_BYTES: Final = np.dtype("u1")


class CellType(Struct, frozen=True):
    """The type of cells: its name, numpy's type of its numbers where it has some, and of a time its unit and whether it has an offset."""

    name: str
    numbers: np.dtype[Any] = _BYTES
    unit: str = ""
    zoned: bool = False

    @property
    def readable(self) -> bool:
        """Whether cells of it are read here."""
        return self.name in _READ


class StreamColumn(Struct, frozen=True):
    """One column; of a dictionary `cell` is the type of its words, `index` that of their numbers, `dictionary` its id."""

    name: str
    cell: CellType
    index: CellType | None = None
    dictionary: int = 0


class StreamSchema(Struct, frozen=True):
    """The columns in their order, and the type of each dictionary's words by its id."""

    columns: tuple[StreamColumn, ...]
    dictionaries: Mapping[int, CellType]

    @property
    def readable(self) -> bool:
        """Whether every column is read here, so that the buffers of each are known."""
        return all(column.cell.readable for column in self.columns)


@lru_cache(maxsize=16)
def read_schema(content: bytes) -> StreamSchema:
    """Read the message of a schema, which is the same in one stream after the other; raises DamagedStreamError."""
    header = FlatTable.root(content).table(2)
    if header is None or header.number(0, SHORT):
        raise DamagedStreamError("a schema of little-endian numbers is needed")
    if header.count(1) > MOST_COLUMNS:
        raise DamagedStreamError(f"at most {MOST_COLUMNS} columns are possible")
    columns = tuple(_column(field) for field in header.tables(1))
    coded = {column.dictionary: column.cell for column in columns if column.index}
    return StreamSchema(columns, coded)


def _column(field: FlatTable) -> StreamColumn:
    name, cell = field.text(0) or "", _cell(field.number(2, BYTE), field.table(3))
    if field.count(5) and cell.readable:
        raise DamagedStreamError("a column without parts has some")
    encoding = field.table(4)
    if encoding is None:
        return StreamColumn(name, cell)
    own = encoding.table(1)
    # Of signed 32 bits where nothing is said.
    index = CellType("int", np.dtype("<i4")) if own is None else _cell(2, own)
    return StreamColumn(name, cell, index, encoding.number(0, LONG))


def _cell(kind: int, own: FlatTable | None) -> CellType:
    if kind >= len(_TYPES) or own is None:
        raise DamagedStreamError("a column has a type that Arrow does not")
    name = _TYPES[kind]
    if name == "int":
        width = own.number(0, INT)
        if width not in _WIDTHS:
            raise DamagedStreamError("an integer has 8, 16, 32 or 64 bits")
        return CellType(name, np.dtype(f"<{'i' if own.number(1, BYTE) else 'u'}{width // 8}"))
    if name == "float":
        precision = own.number(0, SHORT)
        if precision not in range(3):
            raise DamagedStreamError("a float has 16, 32 or 64 bits")
        return CellType(name, np.dtype(f"<f{2 << precision}"))
    if name == "timestamp":
        unit = own.number(0, SHORT)
        if unit not in range(len(_UNITS)):
            raise DamagedStreamError("a timestamp has one of four units")
        return CellType(name, np.dtype("<i8"), _UNITS[unit], zoned=bool(own.text(1)))
    return CellType(name)
