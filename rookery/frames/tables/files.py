"""Tables by the endings of their names: read into a Table, and written back with columns behind its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from rookery.frames.errors import BadTableError
from rookery.frames.tables import csv_file, ods_file, parquet_file, xlsx_file
from rookery.frames.tables.table import typed
from rookery.schemas.atomic_file import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rookery.frames.tables.table import Table
    from rookery.schemas.contract.compiled import CompiledContract

CSV: Final = ".csv"
XLSX: Final = ".xlsx"
PARQUET: Final = ".parquet"
ODS: Final = ".ods"
TEXT: Final = (CSV, ".tsv", ".txt")
WRITTEN: Final = (CSV, XLSX, PARQUET)
"""Endings of tables that are written."""

READ: Final = (*TEXT, XLSX, ODS, PARQUET)
"""Endings of tables that are read."""


def ending(path: Path, known: Sequence[str] = WRITTEN) -> str:
    """The ending of a table's name, in small letters; raises BadTableError where it is none of these."""
    found = path.suffix.lower()
    if found not in known:
        raise BadTableError(f"{path}: a name that ends in {', '.join(known[:-1])} or {known[-1]} is needed")
    return found


def read_table(path: Path, contract: CompiledContract, mapping: Mapping[str, str] | None = None) -> Table:
    """Read a table; raises BadTableError, OSError, and ModuleNotFoundError."""
    found = ending(path, READ)
    if found in TEXT:
        return csv_file.read(path, contract, mapping)
    if found == ODS:
        return ods_file.read(path)
    return xlsx_file.read(path) if found == XLSX else parquet_file.read(path)


def write_beside(
    out: Path, table: Table, added: Mapping[str, Sequence[Any]], source: Path
) -> tuple[str, ...]:
    """Write a table with columns behind its own, and return their names: `predicted_...` where the table has one of a name.

    `source` is the file that the table came from, which is never written over. `out` is there whole, or as it was.
    Raises BadTableError and OSError.
    """
    kind = ending(out)
    if out.exists() and out.samefile(source):
        raise BadTableError(f"{out} is the file that is read: another name is needed")
    columns = list(zip(_free_names(list(added), table.names), added.values(), strict=True))
    # Tabs belong into a file that says so in its name.
    written = table if table.delimiter != "\t" else replace(table, delimiter=",")
    try:
        with replacing(out) as unfinished:
            _write(unfinished, kind, written, columns)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(out)) from error
    return tuple(name for name, _ in columns)


def _free_names(added: Sequence[str], taken: Sequence[str]) -> list[str]:
    names = set(taken)
    free = []
    for name in added:
        others = (f"predicted_{name}" if nth == 1 else f"predicted_{name}_{nth}" for nth in count(1))
        free.append(name if name not in names else next(each for each in others if each not in names))
    return free


def _write(path: Path, kind: str, table: Table, added: Sequence[tuple[str, Sequence[Any]]]) -> None:
    if kind == PARQUET:
        parquet_file.write(path, table, added)
        return
    names = [*table.names, *(name for name, _ in added)]
    if kind == CSV:
        csv_file.write(path, names, _rows(table.columns, added), table)
        return
    columns = [list(map(typed, each)) for each in table.columns] if table.untyped else table.columns
    xlsx_file.write(path, names, _rows(columns, added))


def _rows(
    columns: Sequence[list[Any]], added: Sequence[tuple[str, Sequence[Any]]]
) -> Iterator[tuple[Any, ...]]:
    return zip(*columns, *(cells for _, cells in added), strict=True)
