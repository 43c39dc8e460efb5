"""Parquet lines: the rows of a Parquet file of predictions as the lines that a worker would have written, and files put together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from rookery.schemas.output.extras import install_hint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_AT_ONCE: Final = 10_000


def parquet_lines(source: Path | bytes) -> bytes:
    """Read a file, or its content, as NDJSON; raises OSError where it cannot be read, or pyarrow is missing."""
    pa, parquet = _pyarrow()

    try:
        with parquet.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source) as file:
            batches = file.iter_batches(batch_size=_AT_ONCE)
            return b"".join(to_json(_line(row)) + b"\n" for batch in batches for row in batch.to_pylist())
    except pa.ArrowException as error:
        raise OSError(f"no Parquet file can be read: {error}") from None


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    line = dict(row)
    features = line.pop("features", None)
    if features is not None:
        line["features"] = json.loads(features) if isinstance(features, str) else features
    return line


_SAME: Final = ("reading_id", "message_id", "row", "predicted_at")
"""Columns by which a row that was written twice is known."""


def merged_columns(contents: Sequence[bytes]) -> bytes:
    """Put Parquet files together, rows that are there twice once; raises OSError where one cannot be read."""
    pa, parquet = _pyarrow()
    try:
        tables = [parquet.read_table(pa.BufferReader(content)) for content in contents]
        table = pa.concat_tables(tables, promote_options="default")
        places = table.select(_SAME).append_column("place", pa.array(range(len(table)), pa.int64()))
        first = places.group_by(_SAME, use_threads=False).aggregate([("place", "min")])["place_min"]
        if len(first) < len(table):
            table = table.take(first.sort())
        written = pa.BufferOutputStream()
        parquet.write_table(table, written, compression="zstd", store_schema=False)
    except pa.ArrowException as error:
        raise OSError(f"Parquet files cannot be put together: {error}") from None
    content: bytes = written.getvalue().to_pybytes()
    return content


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415  an extra of its own
        from pyarrow import parquet  # noqa: PLC0415  the same
    except ImportError as error:
        raise OSError(f"a Parquet file needs pyarrow: {install_hint(error.name)}") from None
    return pa, parquet
