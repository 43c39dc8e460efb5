"""Results in columns: the same predictions as lines, whole or absent, for every reader."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import duckdb
import pandas as pd
import pytest

from rookery.load.accounting.folder_results import predictions
from rookery.results.compaction import FolderTarget, compact
from rookery.schemas.codec import encode
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.segment import PARQUET, UNFINISHED, result_files
from rookery.schemas.testing import ReadingFactory
from rookery.worker.encoding.contract_lines import ContractLines
from rookery.worker.errors import MisconfiguredError
from rookery.worker.sinks import parquet_folder
from rookery.worker.sinks.parquet_folder import ParquetFolderSink, remove_unfinished
from rookery.worker.sinks.protocol import LineBlock
from tests.worker.test_app import lines, push_body, running, settings
from tests.worker.test_kill_points import killed_at

if TYPE_CHECKING:
    from pathlib import Path


ROWS = 300
OBSERVED = datetime(2026, 11, 23, 12, 0, 0, 500_000, UTC)
OWN = {"message_id", "predicted_at"}


async def pushed(folder: Path, **chosen: Any) -> None:
    """Push a table of good and bad rows, and readings alone, each with an id of its own."""
    table = json.loads(encode(ReadingFactory(2).table(ROWS, prefix="t")))
    table["body_mass_g"][5] = -1
    table["sex"][6] = table["bill_length_mm"][7] = None
    single = encode(ReadingFactory(4).reading(reading_id="r1", observed_at=OBSERVED))
    whole = encode(ReadingFactory(5).table(ROWS))
    async with running(settings(folder, **chosen)) as address, aiohttp.ClientSession(address) as client:
        for payload in (json.dumps(table).encode(), single, whole):
            async with client.post("/", data=push_body(payload)) as answer:
                assert answer.status == 204


def read(folder: Path) -> list[dict[str, Any]]:
    found = [one.model_dump(exclude=OWN) for one in predictions(folder / "results").every()]
    return sorted(
        found, key=lambda one: (one["reading_id"].rpartition("/")[2], one["row"] or 0, one["reading_id"])
    )


@pytest.mark.parametrize("features", ["sample", "all", "none"])
async def test_columns_hold_the_same_predictions_as_lines(tmp_path: Path, features: str) -> None:
    """Every field, whichever features are repeated; rejections stay lines."""
    for form in ("ndjson", "parquet"):
        await pushed(tmp_path / form, results_format=form, result_features=features)
    in_lines, in_columns = (read(tmp_path / form) for form in ("ndjson", "parquet"))
    assert len(in_lines) == 2 * ROWS
    if features == "sample":
        # Which batches are sampled is a matter of time.
        for one in (*in_lines, *in_columns):
            one.pop("features")
    elif features == "all":
        assert all(one["features"] for one in in_columns)
    assert in_columns == in_lines
    assert {file.suffix for file in result_files(tmp_path / "parquet" / "results")} == {PARQUET}
    assert len(lines(tmp_path / "parquet", "rejects")) == 1


async def test_duckdb_and_pandas_read_the_files_by_their_hours(tmp_path: Path) -> None:
    """The folders are columns to a query, and types are BigQuery's."""
    await pushed(tmp_path, results_format="parquet")
    files = f"{tmp_path}/results/**/*.parquet"
    query = f"SELECT count(*), min(hour), sum(probabilities.Adelie), count(features) FROM read_parquet('{files}', hive_partitioning = true)"  # noqa: S608  a folder of ours
    (found,) = duckdb.sql(query).fetchall()
    assert found[0] == 2 * ROWS
    assert found[1] is not None
    assert 0 < found[3] < ROWS
    described = f"DESCRIBE FROM '{files}'"
    kinds = {name: kind for name, kind, *_ in duckdb.sql(described).fetchall()}
    assert kinds["predicted_at"] == "TIMESTAMP WITH TIME ZONE"
    assert kinds["missing"] == "VARCHAR[]"
    frame = pd.read_parquet(tmp_path / "results")
    assert len(frame) == 2 * ROWS
    assert set(frame["hour"].astype(int)) <= set(range(24))


async def test_readers_take_both_forms_in_one_folder(tmp_path: Path) -> None:
    """A worker that is started again with the other format writes beside its older files."""
    await pushed(tmp_path, results_format="ndjson")
    await pushed(tmp_path, results_format="parquet")
    assert len(read(tmp_path)) == 4 * ROWS
    assert {file.suffix for file in result_files(tmp_path / "results")} == {".ndjson", PARQUET}


async def test_hours_of_columns_are_compacted_beside_hours_of_lines(tmp_path: Path) -> None:
    """Each form becomes one file of its own, and no reading is there twice, or missing."""
    for form in ("ndjson", "parquet", "parquet"):
        # Which of a reading's lines is read first is a matter of names; only in samples do they differ.
        await pushed(tmp_path, results_format=form, result_features="none")
    before, root = read(tmp_path), tmp_path / "results"
    first = next(root.rglob(f"*{PARQUET}"))
    shutil.copy(first, first.with_name(f"again{PARQUET}"))
    compact(FolderTarget(root), now=datetime.now(UTC) + timedelta(hours=2))
    assert read(tmp_path) == before
    left = sorted(file.suffix for file in result_files(root))
    assert left.count(PARQUET) == len({file.parent for file in root.rglob(f"*{PARQUET}")})
    assert all(file.name.startswith("compact-") for file in root.rglob(f"*{PARQUET}"))


def test_killed_at_any_line_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    """All that was acknowledged can be read, and the next start removes what is unfinished."""
    schema = default_compiled()
    line = b'{"reading_id":"%d","message_id":"m","row":null,"species":"Adelie","probability":0.5,"probabilities":{"Adelie":0.5,"Chinstrap":0.25,"Gentoo":0.25},"out_of_distribution":false,"missing":[],"model":"x","predicted_at":"2026-11-23T12:00:00Z"}\n'
    blocks = [
        LineBlock(key="", lines=ContractLines(schema, partial(list, [line % nth])), written_at=OBSERVED)
        for nth in range(2)
    ]

    async def write(root: Path, words: int) -> None:
        sink = ParquetFolderSink(root)
        await sink.open()
        for nth, block in enumerate(blocks):
            await sink.write(block)
            os.write(words, b"%d " % nth)
        await sink.close()

    at, died = 1, True
    while died:
        root = tmp_path / str(at)
        died, acknowledged = killed_at(
            at, (parquet_folder,), lambda words, root=root: asyncio.run(write(root, words))
        )
        found = {one.reading_id for one in predictions(root).every()} if root.is_dir() else set()
        assert acknowledged <= found
        remove_unfinished(root)
        assert not list(root.rglob(f"{UNFINISHED}*"))
        at += 3
    assert acknowledged == {"0", "1"}
    assert at > 30


def test_what_a_killed_worker_left_unfinished_is_removed(tmp_path: Path) -> None:
    """It was never answered for; a file under its own name is left alone."""
    hour = tmp_path / "date=2026-11-23" / "hour=12"
    hour.mkdir(parents=True)
    (hour / f"{UNFINISHED}120000-a{PARQUET}").write_bytes(b"PAR1")
    (hour / f"120000-b{PARQUET}").write_bytes(b"PAR1")
    remove_unfinished(tmp_path)
    assert [file.name for file in hour.iterdir()] == [f"120000-b{PARQUET}"]


async def test_a_worker_without_pyarrow_says_which_extra_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence before anything is served."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MisconfiguredError, match=r"needs pyarrow: pip install '.\[parquet\]'"):
        async with running(settings(tmp_path, results_format="parquet")):
            pass


async def test_columns_are_refused_where_only_a_topic_gets_results(tmp_path: Path) -> None:
    """A topic takes lines."""
    chosen = settings(tmp_path, results_format="parquet").model_copy(update={"results": "pubsub://p/t"})
    with pytest.raises(MisconfiguredError, match="a folder or a bucket is needed"):
        async with running(chosen):
            pass
