"""Arrow streams for tests, written by pyarrow."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa


def stream(table: pa.Table, rows: int | None = None, **options: Any) -> bytes:
    """Write a table in batches of at most so many rows."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue()
