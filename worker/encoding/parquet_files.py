"""ParquetFiles: a block of predictions as Parquet, one file for each contract among them: nearly always one."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import orjson

from rookery.worker.encoding.contract_lines import ContractLines
from rookery.worker.encoding.fixed_width import parts_of
from rookery.worker.encoding.prediction_columns import SHARED, PredictionColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.schemas.contract.compiled import CompiledContract

_REPEATED: Final = (*SHARED, "published_at", "predicted_at", "device_id")
"""Columns with few different values, beside the target."""


def parquet_files(lines: Sequence[bytes]) -> list[bytes]:
    """Write predictions as Parquet; each line must come of a ContractLines. Runs in a thread."""
    parts: dict[CompiledContract, list[ContractLines]] = {}
    for part in parts_of(lines):
        if not isinstance(part, ContractLines):
            raise TypeError("lines without their contract cannot be columns")
        parts.setdefault(part.contract, []).append(part)
    return [_file(contract, own) for contract, own in parts.items()]


def _file(contract: CompiledContract, parts: Sequence[ContractLines]) -> bytes:
    import pyarrow as pa  # noqa: PLC0415  an extra of its own
    from pyarrow import parquet  # noqa: PLC0415  the same

    from rookery.worker.encoding.record_batch import record_batch  # noqa: PLC0415  the same

    schema, target = _schema(contract), contract.contract.target
    tables = [part.columns for part in parts if isinstance(part.columns, PredictionColumns)]
    batches = [record_batch(tables, schema)] if tables else []
    if lines := [line for part in parts if part.columns is None for line in part]:
        batches.append(_batch(lines, schema, target))
    table = pa.Table.from_batches(batches)
    content = BytesIO()
    with parquet.ParquetWriter(
        content,
        table.schema,
        compression="snappy",
        use_dictionary=[target, *_REPEATED],
        write_statistics=["predicted_at"],
        store_schema=False,
    ) as writer:
        writer.write_table(table)
    return content.getvalue()


@lru_cache(maxsize=8)
def _schema(contract: CompiledContract) -> Any:
    from rookery.schemas.contract.derived.arrow import arrow_schema  # noqa: PLC0415  it needs pyarrow

    return arrow_schema(contract.contract)


def _batch(lines: Sequence[bytes], schema: Any, target: str) -> Any:
    """Read lines of single readings again, which are few beside those of tables."""
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

    from rookery.worker.encoding.record_batch import written  # noqa: PLC0415  the same

    rows = [orjson.loads(line) for line in lines]
    textual = pa.types.is_string(schema.field("features").type)
    columns = []
    for field in schema:
        cells = [row.get(field.name) for row in rows]
        if pa.types.is_timestamp(field.type):
            columns.append(pa.array(cells, pa.string()).cast(field.type))
        elif field.name == "features" and textual:
            values = [None if cell is None else orjson.dumps(cell).decode() for cell in cells]
            columns.append(pa.array(values, field.type))
        else:
            columns.append(pa.array(cells, written(schema, target).field(field.name).type))
    return pa.record_batch(columns, schema=written(schema, target))
