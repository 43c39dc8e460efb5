"""Parquet lines: the rows of a Parquet file of predictions as the lines that a worker would have written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from rookery.schemas.output.extras import install_hint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_AT_ONCE: Final = 10_000


def parquet_lines(source: Path | bytes) -> bytes:
    """Read a file, or its content, as NDJSON; raises OSError where it cannot be read, or pyarrow is missing."""
    try:
        import pyarrow as pa  # noqa: PLC0415  an extra of its own
        from pyarrow import parquet  # noqa: PLC0415  the same
    except ImportError as error:
        raise OSError(f"a Parquet file needs pyarrow: {install_hint(error.name)}") from None

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
