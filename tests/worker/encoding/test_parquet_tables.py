"""Parquet of tables: what is written from the model's arrays is what pyarrow writes, for every reader."""

from __future__ import annotations

from datetime import timedelta, timezone
from io import BytesIO
from typing import TYPE_CHECKING, Any

import duckdb
import orjson
import polars as pl
import pytest
from pyarrow import parquet

from rookery.schemas.contract.default import default_contract
from rookery.schemas.envelope import Envelope
from rookery.worker.decoding.message import decode_message, feature_matrix
from rookery.worker.encoding.contract_lines import ContractLines
from rookery.worker.encoding.fixed_width import chained
from rookery.worker.encoding.lines import encode_lines
from rookery.worker.encoding.parquet.compact import varint
from rookery.worker.encoding.parquet_files import arrow_file, parquet_files, table_file
from rookery.worker.inference.bisection import BatchResult
from tests.schemas.contract.random_contracts import RandomContracts
from tests.worker.artifacts import CHURN, IRIS
from tests.worker.encoding.test_lines_of_contracts import AT, Drawn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rookery.schemas.contract.contract import Contract

ROWS = 1_203
"""Of four digits, and no whole group of eight."""


def tables(contract: Contract, seed: int, rows: int = ROWS) -> list[ContractLines]:
    """The predictions of two tables, one with names, devices and times of its own in some rows."""
    drawn = Drawn(contract, seed)
    columns: dict[str, list[Any]] = {name: [] for name in drawn.contract.names}
    for _ in range(rows):
        for name, value in drawn.reading().items():
            columns[name].append(value)
    own = {
        "reading_id": [f"Ω{nth}" if nth % 3 else None for nth in range(rows)],
        "device_id": [None if nth % 5 else f"d{nth % 15}" for nth in range(rows)],
        "observed_at": [
            (AT + timedelta(microseconds=nth)).isoformat() if nth % 4 else None for nth in range(rows)
        ],
    }
    messages = [
        decode_message(Envelope("m1", body=orjson.dumps(columns), published_at=AT), drawn.contract),
        decode_message(Envelope("m2", body=orjson.dumps(columns | own)), drawn.contract),
    ]
    matrix = feature_matrix(messages, drawn.contract)
    result = BatchResult([(0, drawn.answers(len(matrix)))])
    at = AT.astimezone(timezone(timedelta(hours=2)))
    encoded = encode_lines(messages, matrix, result, at=at, revision="r", columnar=True)
    return [each.predictions for each in encoded if isinstance(each.predictions, ContractLines)]


CONTRACTS = {
    "iris": IRIS,
    "churn": CHURN,
    "400 labels": IRIS.model_copy(update={"labels": tuple(f"label {nth}" for nth in range(400))}),
    **{f"random {seed}": RandomContracts(seed).contract() for seed in range(5)},
}


@pytest.mark.parametrize("repeated", [(), (3, 4, 700), range(ROWS)], ids=["none", "some", "all"])
@pytest.mark.parametrize(("name", "contract"), CONTRACTS.items(), ids=CONTRACTS)
def test_a_table_s_file_is_the_one_that_pyarrow_writes(
    name: str, contract: Contract, repeated: Sequence[int]
) -> None:
    """The same schema and the same values in every column, absent ones, lists and repeated features among them."""
    parts = tables(contract, seed=len(name))
    if repeated:
        parts = [part.with_features({*repeated}, lambda lines: lines) for part in parts]
    plain = table_file(parts[0].contract, parts)
    assert plain is not None
    own, known = (
        parquet.ParquetFile(BytesIO(each)) for each in (plain, arrow_file(parts[0].contract, parts))
    )
    assert own.schema.equals(known.schema)
    assert own.read().equals(known.read())


def test_duckdb_and_polars_read_a_table_s_file(tmp_path: Path) -> None:
    """Their readers are their own; and a query by time leaves out what its statistics say."""
    parts = [part.with_features({1, 5}, lambda lines: lines) for part in tables(default_contract(), seed=1)]
    file = tmp_path / "a.parquet"
    (content,) = parquet_files(chained(parts))
    file.write_bytes(content)
    known = parquet.read_table(file)
    for found in (duckdb.sql(f"FROM '{file}'").to_arrow_table(), pl.read_parquet(file).to_arrow()):
        for column in (
            "reading_id",
            "row",
            "device_id",
            "probability",
            "probabilities",
            "missing",
            "features",
        ):
            assert found[column].to_pylist() == known[column].to_pylist()
    (least,) = {
        parquet.ParquetFile(file).metadata.row_group(0).column(nth).statistics.min for nth in _moments(file)
    }
    assert least == AT


def _moments(file: Path) -> list[int]:
    group = parquet.ParquetFile(file).metadata.row_group(0)
    return [nth for nth in range(group.num_columns) if group.column(nth).path_in_schema == "predicted_at"]


@pytest.mark.parametrize("number", [0, 127, 128, 16_383, 16_384, 2**31, 2**62])
def test_numbers_of_a_header_are_of_seven_bits_a_byte(number: int) -> None:
    """The least first; only the last byte is less than 128."""
    written = varint(number)
    assert sum((byte & 0x7F) << 7 * nth for nth, byte in enumerate(written)) == number
    assert [byte >= 0x80 for byte in written] == [True] * (len(written) - 1) + [False]
