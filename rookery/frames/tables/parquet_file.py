"""Parquet: columns with their types, which a Parquet file that comes back repeats as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rookery.frames.errors import BadTableError
from rookery.frames.libraries import library
from rookery.frames.tables.table import Table, text, typed
from rookery.schemas.output.permissions import ensure_file, file_mode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read(path: Path) -> Table:
    """Read a file; raises BadTableError, OSError, ModuleNotFoundError."""
    arrow, parquet = library("pyarrow"), library("pyarrow.parquet")
    try:
        with path.open("rb") as file:
            found = parquet.read_table(file)
    except arrow.ArrowException as error:
        raise BadTableError(f"{path.name} is no Parquet file that can be read: {_said(error)}") from None
    try:
        columns = [column.to_pylist() for column in found.columns]
    except (arrow.ArrowException, ValueError, OverflowError) as error:
        raise BadTableError(f"{path.name} holds a value that cannot be read: {_said(error)}") from None
    return Table(list(found.column_names), columns, arrow=found)


def write(path: Path, table: Table, added: Sequence[tuple[str, Sequence[Any]]]) -> None:
    """Write a table's columns and those that are added to it, by name; raises OSError."""
    arrow, parquet = library("pyarrow"), library("pyarrow.parquet")
    made = table.arrow
    if made is None:
        made = arrow.table([_array(arrow, column, table) for column in table.columns], names=table.names)
    for name, cells in added:
        made = made.append_column(name, arrow.array(cells, from_pandas=True))
    # Made before Arrow would.
    ensure_file(path, file_mode())
    parquet.write_table(made, str(path), compression="zstd")


def _array(arrow: Any, column: Sequence[Any], table: Table) -> Any:
    """Make a column of numbers where each of its texts is plainly one, else of the values as they are, or of texts."""
    if table.untyped:
        numbers = [typed(cell) for cell in column]
        return arrow.array(column if any(isinstance(cell, str) for cell in numbers) else numbers)
    try:
        return arrow.array(column)
    except (arrow.ArrowException, OverflowError):
        return arrow.array([None if cell is None else text(cell) for cell in column])


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
