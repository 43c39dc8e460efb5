"""RecordBatch: the predictions of several tables as Arrow columns, straight from the model's arrays; needs pyarrow."""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
from pyarrow import compute

from rookery.worker.decoding.table import DecodedColumns
from rookery.worker.encoding.prediction_columns import DIGITS, SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rookery.schemas.contract.reading_classes import AnyTable
    from rookery.worker.encoding.prediction_columns import PredictionColumns


def record_batch(tables: Sequence[PredictionColumns], schema: pa.Schema) -> pa.RecordBatch:
    """All columns of tables by one contract, of the types of `schema` but for dictionaries of its texts.

    One batch for all tables: a column costs as much as a hundred rows, however short it is.
    """
    answers = [table.said.answers for table in tables]
    # (rows of all tables,) the table of each row.
    which = np.repeat(np.arange(len(tables), dtype=np.int32), [len(table) for table in tables])
    rows = np.concatenate([table.rows for table in tables]).astype(np.int64)
    shares = np.concatenate([each.probabilities for each in answers]).astype(np.float64).round(DIGITS)
    winners = np.concatenate([each.label_indices for each in answers])
    target, labels = answers[0].contract.contract.target, answers[0].labels
    moment = schema.field("predicted_at").type
    columns: dict[str, Any] = {
        "reading_id": _identities(tables, which, rows),
        "message_id": _words([table.message.message_id for table in tables], which),
        "row": pa.array(rows),
        "device_id": _own(tables, "device_id", pa.string()),
        "observed_at": _own(tables, "observed_at", moment),
        target: _words(labels, winners.astype(np.int32)),
        "probability": pa.array(shares[np.arange(len(rows)), winners]),
        "probabilities": _shares(shares, labels, schema.field("probabilities").type),
        "out_of_distribution": _outliers(tables),
        "missing": _missing(tables, schema.field("missing").type),
        "model": _words([each.model for each in answers], which),
        "published_at": pa.array([table.published_at for table in tables], moment).take(pa.array(which)),
        "predicted_at": pa.array([table.predicted_at for table in tables], moment).take(pa.array(which)),
        "features": _features(tables, schema.field("features").type),
    }
    return pa.record_batch(list(columns.values()), schema=written(schema, target))


@cache
def written(schema: pa.Schema, target: str) -> pa.Schema:
    """The schema of what is written: words that many rows share are in dictionaries."""
    for name in (*SHARED, target):
        place = schema.get_field_index(name)
        shared = schema.field(place).with_type(pa.dictionary(pa.int32(), pa.string()))
        schema = schema.set(place, shared)
    return schema


def _words(words: Sequence[str], which: NDArray[np.int32]) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(which), pa.array(words, pa.string()))


def _identities(
    tables: Sequence[PredictionColumns], which: NDArray[np.int32], rows: NDArray[np.int64]
) -> Any:
    messages = pa.array([f"{table.message.identity}/" for table in tables]).take(pa.array(which))
    numbers = _numbers(len(str(int(rows.max())))).take(pa.array(rows))
    named = compute.binary_join_element_wise(messages, numbers, "")
    return compute.coalesce(_own(tables, "reading_id", pa.string()), named)


@cache
def _numbers(digits: int) -> Any:
    """All rows of so many digits at most, as texts."""
    return pa.array([str(row) for row in range(10**digits)])


def _own(tables: Sequence[PredictionColumns], name: str, kind: Any) -> Any:
    """A column that readings bring: null for all rows of a table without it."""
    columns = [getattr(table.readings, name) for table in tables]
    if not any(columns):
        return pa.nulls(sum(map(len, tables)), kind)
    cells = (
        [None] * len(table) if column is None else column
        for table, column in zip(tables, columns, strict=True)
    )
    return pa.array([*chain.from_iterable(cells)], kind)


def _shares(shares: NDArray[np.float64], labels: Sequence[str], kind: Any) -> Any:
    count = len(shares)
    if not pa.types.is_list(kind):
        columns = np.ascontiguousarray(shares.T)
        return pa.StructArray.from_arrays([pa.array(column) for column in columns], fields=list(kind))
    names = pa.array(labels, pa.string()).take(pa.array(np.tile(np.arange(len(labels)), count)))
    pairs = pa.StructArray.from_arrays([names, pa.array(shares.ravel())], fields=list(kind.value_type))
    ends = np.arange(count + 1, dtype=np.int32) * len(labels)
    return pa.ListArray.from_arrays(pa.array(ends), pairs, type=kind)


def _outliers(tables: Sequence[PredictionColumns]) -> Any:
    """Null for the rows of a model that cannot say."""
    return pa.concat_arrays(
        pa.nulls(len(table), pa.bool_())
        if (far := table.said.answers.out_of_distribution) is None
        else pa.array(far)
        for table in tables
    )


def _missing(tables: Sequence[PredictionColumns], kind: Any) -> Any:
    lacking = np.concatenate([table.said.lacking for table in tables])
    ends = np.zeros(len(lacking) + 1, np.int32)
    which = np.empty(0, np.intp)
    if lacking.any():
        np.cumsum(lacking.sum(axis=1), out=ends[1:])
        which = lacking.nonzero()[1]
    names = pa.array(tables[0].said.answers.contract.names, pa.string()).take(pa.array(which))
    return pa.ListArray.from_arrays(pa.array(ends), names, type=kind)


def _features(tables: Sequence[PredictionColumns], kind: Any) -> Any:
    if not any(table.featured for table in tables):
        return pa.nulls(sum(map(len, tables)), kind)
    return pa.concat_arrays(_table_features(table, kind) for table in tables)


def _table_features(table: PredictionColumns, kind: Any) -> Any:
    count, readings = len(table), table.readings
    if pa.types.is_struct(kind) and isinstance(readings, DecodedColumns) and len(table.featured) == count:
        return pa.StructArray.from_arrays(
            [_feature(readings, place, field.type) for place, field in enumerate(kind)], fields=list(kind)
        )
    values: list[Any] = [None] * count
    for nth in table.featured:
        values[nth] = _repeated(readings, nth, table.said.answers.contract.names)
        if not pa.types.is_struct(kind):
            values[nth] = orjson.dumps(values[nth]).decode()
    return pa.array(values, kind)


def _repeated(readings: AnyTable | DecodedColumns, nth: int, names: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(readings, DecodedColumns):
        return readings.features(nth)
    columns = readings.columns
    return {name: columns[name][nth] if name in columns else None for name in names}


def _feature(readings: DecodedColumns, place: int, kind: Any) -> Any:
    """A column as it was written."""
    column = readings.exact[place]
    unknown = np.isnan(column)
    feature = readings.contract.contract.features[place]
    if feature.numeric:
        return pa.array(column, kind, mask=unknown)
    codes = np.where(unknown, 0, column)
    if feature.kind == "flag":
        return pa.array(codes.astype(np.bool_), kind, mask=unknown)
    words = pa.array(feature.categories, kind)
    return words.take(pa.array(codes.astype(np.int32), mask=unknown))
