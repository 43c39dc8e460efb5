"""PredictionColumns: the predictions of a table as Arrow columns, straight from the model's arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from rookery.worker.decoding.table import DecodedColumns

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from rookery.schemas.contract.reading_classes import AnyTable
    from rookery.worker.encoding.table_lines import Message, TablePredictions
    from rookery.worker.inference.classifier import Predictions

DIGITS: Final = 6
"""Digits of a probability; a float32 holds about seven."""

SHARED: Final = ("message_id", "model")
"""Columns that are one word in all rows of a message, written as a dictionary."""


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """The answers to n readings of one message: `rows` (n,) their positions in it; rows of `featured` repeat their features."""

    readings: AnyTable | DecodedColumns
    rows: NDArray[np.intp]
    said: TablePredictions
    message: Message
    published_at: datetime | None
    predicted_at: datetime
    featured: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def with_features(self, rows: set[int]) -> PredictionColumns:
        """The same where some rows repeat their features."""
        return replace(self, featured=frozenset(rows))

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """All columns, of the types of `schema` but for dictionaries of its texts."""
        import pyarrow as pa  # noqa: PLC0415  an extra of its own

        run, count = self.said.answers, len(self.rows)
        shares = run.probabilities.astype(np.float64).round(DIGITS)
        target = run.contract.contract.target
        moment = schema.field("predicted_at").type
        columns: dict[str, Any] = {
            "reading_id": _identities(self),
            "message_id": _one(self.message.message_id, count),
            "row": pa.array(self.rows.astype(np.int64)),
            "device_id": pa.array(self.readings.device_id or pa.nulls(count), pa.string()),
            "observed_at": pa.array(self.readings.observed_at or pa.nulls(count), moment),
            target: pa.DictionaryArray.from_arrays(
                pa.array(run.label_indices.astype(np.int32)), pa.array(run.labels, pa.string())
            ),
            "probability": pa.array(shares[np.arange(count), run.label_indices]),
            "probabilities": _shares(shares, run, schema.field("probabilities").type),
            "out_of_distribution": pa.nulls(count, pa.bool_())
            if run.out_of_distribution is None
            else pa.array(run.out_of_distribution),
            "missing": _missing(self.said, schema.field("missing").type),
            "model": _one(run.model, count),
            "published_at": _moment(self.published_at, count, moment),
            "predicted_at": _moment(self.predicted_at, count, moment),
            "features": _features(self, schema.field("features").type),
        }
        return pa.record_batch(list(columns.values()), schema=written(schema, target))


@cache
def written(schema: pa.Schema, target: str) -> pa.Schema:
    """The schema of what is written: words that many rows share are in dictionaries."""
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

    for name in (*SHARED, target):
        place = schema.get_field_index(name)
        shared = schema.field(place).with_type(pa.dictionary(pa.int32(), pa.string()))
        schema = schema.set(place, shared)
    return schema


def _one(word: str, count: int) -> Any:
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([word], pa.string()))


def _moment(moment: datetime | None, count: int, kind: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

    return pa.nulls(count, kind) if moment is None else pa.repeat(pa.scalar(moment, kind), count)


def _identities(of: PredictionColumns) -> Any:
    import pyarrow as pa  # noqa: PLC0415  an extra of its own
    from pyarrow import compute  # noqa: PLC0415  the same

    own = of.readings.reading_id
    if own is not None and None not in own:
        return pa.array(own, pa.string())
    texts = _texts(len(str(int(of.rows[-1])))).take(pa.array(of.rows))
    named = compute.binary_join_element_wise(pa.scalar(of.message.identity), texts, "/")
    return named if own is None else compute.coalesce(pa.array(own, pa.string()), named)


@cache
def _texts(digits: int) -> Any:
    """All rows of so many digits at most, as texts."""
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

    return pa.array([str(row) for row in range(10**digits)])


def _shares(shares: NDArray[np.float64], run: Predictions, kind: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

    count, labels = shares.shape
    if not pa.types.is_list(kind):
        columns = np.ascontiguousarray(shares.T)
        return pa.StructArray.from_arrays([pa.array(column) for column in columns], fields=list(kind))
    names = pa.array(run.labels, pa.string()).take(pa.array(np.tile(np.arange(labels), count)))
    pairs = pa.StructArray.from_arrays([names, pa.array(shares.ravel())], fields=list(kind.value_type))
    return pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32) * labels), pairs, type=kind)


def _missing(said: TablePredictions, kind: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

    lacking = said.lacking
    ends = np.zeros(len(lacking) + 1, np.int32)
    which = np.empty(0, np.intp)
    if lacking.any():
        np.cumsum(lacking.sum(axis=1), out=ends[1:])
        which = lacking.nonzero()[1]
    names = pa.array(said.answers.contract.names, pa.string()).take(pa.array(which))
    return pa.ListArray.from_arrays(pa.array(ends), names, type=kind)


def _features(of: PredictionColumns, kind: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

    count, readings = len(of), of.readings
    if not of.featured:
        return pa.nulls(count, kind)
    if pa.types.is_struct(kind) and isinstance(readings, DecodedColumns) and len(of.featured) == count:
        return pa.StructArray.from_arrays(
            [_feature(readings, place, field.type) for place, field in enumerate(kind)], fields=list(kind)
        )
    values: list[Any] = [None] * count
    for nth in of.featured:
        values[nth] = _repeated(readings, nth, of.said.answers.contract.names)
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
    import pyarrow as pa  # noqa: PLC0415  an extra of its own

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
