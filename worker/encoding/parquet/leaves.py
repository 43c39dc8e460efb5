"""Leaves: the schema of a contract's predictions as Parquet has it, and its columns of values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rookery.schemas.contract.derived.bigquery import bigquery_schema
from rookery.worker.encoding.parquet.compact import END, I32, number, struct, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.contract.derived.bigquery import Column

BOOLEAN, INT64, DOUBLE, BYTES = 0, 2, 5, 6
"""Parquet's types of values."""

_REQUIRED, _OPTIONAL, _REPEATED = 0, 1, 2
_UTF8, _LIST, _MICROSECONDS = 0, 3, 10
"""Converted types, which older readers know."""

_TEXT: Final = struct(1, b"")
_LISTED: Final = struct(3, b"")
_MOMENT: Final = struct(8, b"\x11" + struct(1, struct(2, b"")))
"""Logical types: a text, a list, and microseconds since 1970 in UTC."""

_AS_TEXT: Final = number(2, _UTF8, I32) + struct(4, _TEXT)

_KINDS: Final = {
    "FLOAT": (DOUBLE, b""),
    "INTEGER": (INT64, b""),
    "BOOLEAN": (BOOLEAN, b""),
    "TIMESTAMP": (INT64, number(2, _MICROSECONDS, I32) + struct(4, _MOMENT)),
    "STRING": (BYTES, _AS_TEXT),
    # JSON is its text.
    "JSON": (BYTES, _AS_TEXT),
}
"""The type of each of BigQuery's, and the fields of its element behind the name."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One column of values: its type, and its place in the schema."""

    kind: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileSchema:
    """`elements` as the end of a file lists them, and the leaves in their order."""

    elements: tuple[bytes, ...]
    leaves: tuple[Leaf, ...]


@lru_cache(maxsize=8)
def file_schema(contract: CompiledContract) -> FileSchema:
    """The schema of a contract's predictions, the same as that of `arrow_schema`."""
    columns = bigquery_schema(contract.contract)
    root = text(4, b"schema") + number(1, len(columns), I32) + END
    found = [each for column in columns for each in _elements(column, ())]
    return FileSchema((root, *(element for element, _ in found)), tuple(leaf for _, leaf in found if leaf))


def _elements(column: Column, above: tuple[str, ...]) -> Iterator[tuple[bytes, Leaf | None]]:
    """Give each element of a column, and the leaf that it is."""
    name, mode = column["name"], column.get("mode")
    path = (*above, name)
    if mode == "REPEATED":
        yield _group(name, _REQUIRED, 1, number(1, _LIST, I32) + struct(4, _LISTED)), None
        yield _group("list", _REPEATED, 1), None
        yield from _elements({**column, "name": "element", "mode": "REQUIRED"}, (*path, "list"))
        return
    needed = _REQUIRED if mode == "REQUIRED" else _OPTIONAL
    if column["type"] == "RECORD":
        yield _group(name, needed, len(column["fields"])), None
        for each in column["fields"]:
            yield from _elements(each, path)
        return
    kind, behind = _KINDS[column["type"]]
    named = number(2, needed, I32) + text(1, name.encode())
    yield number(1, kind, I32) + named + behind + END, Leaf(kind, path)


def _group(name: str, repetition: int, children: int, behind: bytes = b"") -> bytes:
    return number(3, repetition, I32) + text(1, name.encode()) + number(1, children, I32) + behind + END
