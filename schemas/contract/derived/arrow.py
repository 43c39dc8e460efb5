"""Arrow schema of predictions in a Parquet file: the columns and types of the BigQuery table, derived from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rookery.schemas.contract.derived.bigquery import bigquery_schema

if TYPE_CHECKING:
    from rookery.schemas.contract.contract import Contract
    from rookery.schemas.contract.derived.bigquery import Column


def arrow_schema(contract: Contract) -> pa.Schema:
    """The columns of a contract's predictions."""
    return pa.schema([_field(column) for column in bigquery_schema(contract)])


def _field(column: Column) -> pa.Field:
    mode = column.get("mode")
    kind = _kind(column)
    # No element of a list is null.
    listed = pa.list_(pa.field("element", kind, nullable=False)) if mode == "REPEATED" else kind
    return pa.field(column["name"], listed, nullable=mode is None)


def _kind(column: Column) -> Any:
    match column["type"]:
        case "RECORD":
            return pa.struct([_field(each) for each in column["fields"]])
        case "FLOAT":
            return pa.float64()
        case "INTEGER":
            return pa.int64()
        case "BOOLEAN":
            return pa.bool_()
        case "TIMESTAMP":
            return pa.timestamp("us", "UTC")
    # JSON is its text.
    return pa.string()
