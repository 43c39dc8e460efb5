"""ArrowReader: it reads what the codec reads of the same values in JSON, and refuses the same for the same reasons."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.schemas.codec import DecodedTable, decode_fields
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.rejection import UnusableReadingError
from rookery.schemas.testing.factory import ReadingFactory
from rookery.worker.decoding.arrow.reader import arrow_reader
from rookery.worker.decoding.table import DecodedColumns
from tests.worker.decoding.arrow.streams import stream
from tests.worker.decoding.json_cells import any_cells, random_contract, right_cells, seeds

if TYPE_CHECKING:
    from rookery.schemas.contract.compiled import CompiledContract
    from rookery.schemas.rejection import Reason

DEFAULT = default_compiled()


def plain(rows: int = 300, **more: Any) -> dict[str, list[Any]]:
    return {**json.loads(ReadingFactory(7).table(rows).model_dump_json(exclude_unset=True)), **more}


def read(payload: bytes, contract: CompiledContract = DEFAULT) -> DecodedColumns | DecodedTable:
    decoded = arrow_reader(contract).read(payload, inline=False)
    assert decoded is not None
    return decoded


def reasons(payload: bytes, contract: CompiledContract = DEFAULT) -> tuple[Reason, ...]:
    with pytest.raises(UnusableReadingError) as raised:
        read(payload, contract)
    return raised.value.reasons


def agree(table: pa.Table, payload: bytes, contract: CompiledContract = DEFAULT) -> DecodedColumns | None:
    """Hold a stream against the same values in JSON; gives what was read straight from its bytes."""
    columns = {
        name: [
            int(cell)
            if name in contract.names
            and contract.contract.feature(name).kind == "integer"
            and isinstance(cell, float)
            and cell.is_integer()
            else cell
            for cell in table.column(name).to_pylist()
        ]
        for name in table.column_names
    }
    refused: UnusableReadingError | None = None
    try:
        wanted = decode_fields(json.dumps(columns).encode(), contract)
    except UnusableReadingError as error:
        refused = error
    if refused:
        assert reasons(payload, contract) == refused.reasons
        return None
    assert isinstance(wanted, DecodedTable)
    found = read(payload, contract)
    if isinstance(found, DecodedTable):
        assert found == wanted
        return None
    assert not wanted.refused
    assert wanted.table is not None
    assert (
        found.matrix.tobytes() == contract.columns_matrix(wanted.table.columns, wanted.table.rows).tobytes()
    )
    assert found.table() == wanted.table
    return found


def draw_column(data: st.DataObject, contract: CompiledContract, name: str, rows: int) -> pa.Array:
    """A column of one of Arrow's types, mostly of right cells."""
    right = [json.loads(cell) for cell in right_cells(contract, name)]
    cells = data.draw(st.lists(st.sampled_from([None, *right * 2]), min_size=rows, max_size=rows))
    if data.draw(st.integers(0, 3)) == 0:
        odd = data.draw(any_cells(contract, name))
        with suppress(ValueError):
            cells[data.draw(st.integers(0, rows - 1))] = json.loads(odd)
    try:
        array = pa.array(cells)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        array = pa.array([right[0]] * rows)
    if pa.types.is_string(array.type):
        kinds = [
            array.type,
            pa.large_string(),
            pa.string_view(),
            pa.dictionary(pa.int8(), pa.string()),
            pa.dictionary(pa.uint32(), pa.large_string()),
        ]
        return array.cast(data.draw(st.sampled_from(kinds)))
    if pa.types.is_integer(array.type) and data.draw(st.booleans()):
        floats = [None if cell is None else float(cell) for cell in array.to_pylist()]
        return pa.array(floats, pa.float64())
    return array


@given(seeds, st.data())
@settings(max_examples=150)
def test_any_column_of_any_contract_is_treated_as_in_json(seed: int, data: st.DataObject) -> None:
    """Bounds, categories, integers as floats, nulls and wrong types: the same values, or the same reasons."""
    contract = random_contract(seed)
    rows = data.draw(st.integers(1, 9))
    names = data.draw(st.lists(st.sampled_from(contract.members), unique=True, min_size=1, max_size=8))
    table = pa.table({name: draw_column(data, contract, name, rows) for name in names})
    if any(pa.types.is_nested(kind) for kind in table.schema.types):
        return
    agree(table, stream(table, data.draw(st.integers(1, rows))), contract)


@pytest.mark.parametrize("rows", [1, 300, 5_000])
@pytest.mark.parametrize("batch", [None, 7])
def test_a_plain_table_is_read_straight_from_its_bytes(rows: int, batch: int | None) -> None:
    """Every cell is the same float32 as in JSON, in one batch or in many."""
    cells = plain(
        rows, reading_id=[f"é{nth}" for nth in range(rows)], device_id=["d", None] * (rows // 2) or ["d"]
    )
    if rows > 1_000 and batch:
        batch = 1_000
    assert agree(pa.table(cells), stream(pa.table(cells), batch)) is not None


@pytest.mark.parametrize("kind", ["<i4", "<u2", "<i8", "<u8", "<f4", "<f8"])
def test_integers_are_read_of_any_width_and_as_floats(kind: str) -> None:
    """Integers of which some are missing are floats in pandas; a fraction is refused as in JSON."""
    years = np.array([2007, 2008, 2009], kind)
    table = pa.table({"bill_length_mm": np.array([39.5, 40, 41], "<f4"), "year": years})
    found = agree(table, stream(table))
    assert found is not None
    assert found.features(1)["year"] == 2008
    assert type(found.features(1)["year"]) is int


def test_a_fraction_in_an_integer_is_refused_alone() -> None:
    """The other rows are answered, and the row is kept as JSON."""
    table = pa.table({"bill_length_mm": [39.5, 40.0], "year": [2007.0, 2007.5]})
    found = read(stream(table))
    assert isinstance(found, DecodedTable)
    (refused,) = found.refused
    assert (refused.row, refused.reasons[0].field, refused.reasons[0].rule) == (
        1,
        "year",
        "a whole number is needed",
    )
    assert refused.original == "eyJiaWxsX2xlbmd0aF9tbSI6NDAuMCwieWVhciI6MjAwNy41fQ=="
    assert found.positions == [0]


def test_a_float_that_is_no_number_is_refused() -> None:
    """NaN is none in JSON either; missing is null."""
    table = pa.table({"bill_length_mm": np.array([39.5, np.nan]), "sex": ["male", "male"]})
    found = read(stream(table))
    assert isinstance(found, DecodedTable)
    assert [each.reasons[0].rule for each in found.refused] == ["a finite number is needed"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_timestamp_is_a_time_as_text_would_be(unit: str) -> None:
    """In any unit and zone, cut to microseconds; without a zone it is refused as in JSON."""
    moment = datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC)
    before = datetime(1960, 1, 1, tzinfo=UTC)
    times = pa.array([moment, None, before], pa.timestamp(unit, "Europe/Berlin"))
    found = read(stream(pa.table({"bill_length_mm": [40.0] * 3, "observed_at": times})))
    assert isinstance(found, DecodedColumns)
    assert found.observed_at == [moment, None, before]
    naive = pa.array([datetime(2026, 11, 23, 12), None, None], pa.timestamp(unit))  # noqa: DTZ001  the case
    refused = read(stream(pa.table({"bill_length_mm": [40.0] * 3, "observed_at": naive})))
    assert isinstance(refused, DecodedTable)
    assert refused.refused[0].reasons[0].rule == "a time with its offset from UTC is needed"
    assert refused.positions == [1, 2]


def test_a_timestamp_beyond_all_years_is_refused() -> None:
    """As a text of such a year would be."""
    late = pa.array([2**60, 0], pa.timestamp("s", "UTC"))
    found = read(stream(pa.table({"bill_length_mm": [40.0] * 2, "observed_at": late})))
    assert isinstance(found, DecodedTable)
    assert [each.row for each in found.refused] == [0]


def test_dictionaries_may_change_between_batches() -> None:
    """Each batch is read by the dictionary before it."""
    schema = pa.schema({"bill_length_mm": pa.float64(), "sex": pa.dictionary(pa.int8(), pa.string())})
    parts = [
        pa.record_batch(
            [pa.array([40.0, 41.0]), pa.array(words).dictionary_encode().cast(schema.types[1])], schema
        )
        for words in (["male", "female"], ["female", None])
    ]
    table = pa.Table.from_batches(parts)
    found = read(stream(table, unify_dictionaries=False))
    assert isinstance(found, DecodedColumns)
    assert [found.features(nth)["sex"] for nth in range(4)] == ["male", "female", "female", None]


def test_what_polars_writes_is_read() -> None:
    """Its texts are views, its categories dictionaries of them."""
    cells = plain(50, device_id=["a device with a long name"] * 50)
    frame = pl.DataFrame(cells).with_columns(pl.col("island").cast(pl.Categorical))
    sink = frame.write_ipc_stream(None)
    table = pa.table(cells)
    assert agree(table, sink.getvalue()) is not None


def test_unknown_columns_refuse_the_table_by_name() -> None:
    """As in JSON: they may be a feature's misspelled name."""
    table = pa.table({"wings": [2, 2], "bill_length_mm": [40.0, 41.0]})
    agree(table, stream(table))
    assert [each.field for each in reasons(stream(table))] == ["wings"]


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (pa.table({"bill_length_mm": [[1.0]], "sex": ["male"]}), {}, "Arrow's type list"),
        (pa.table({"bill_length_mm": [{"a": 1}]}), {}, "Arrow's type struct"),
        (pa.table({"bill_length_mm": pa.array([40], pa.decimal128(9, 2))}), {}, "Arrow's type decimal"),
        (pa.table({"bill_length_mm": [40.0]}), {"compression": "zstd"}, "without compression are needed"),
        (pa.table({"bill_length_mm": [40.0]}), {"compression": "lz4"}, "without compression are needed"),
        (pa.table({"bill_length_mm": pa.nulls(100_001)}), {}, "at most 100000 rows are possible"),
        (pa.table({"bill_length_mm": pa.array([], pa.float64())}), {}, "at least one row is needed"),
        (pa.table({}), {}, "a table needs at least one column"),
        (pa.table([pa.array([40.0])] * 2, names=["year", "year"]), {}, "of this name is needed once"),
    ],
)
def test_what_no_table_of_readings_is_gets_one_clear_reason(
    table: pa.Table, options: dict[str, Any], said: str
) -> None:
    """Nested columns, compressed buffers, too many rows or none, no column, one name twice."""
    assert said in reasons(stream(table, **options))[0].rule
