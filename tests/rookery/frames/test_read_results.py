"""read_predictions, read_rejections: results as frames, over folders and buckets, by time and by file."""

from __future__ import annotations

import gzip
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from google.cloud.storage import Client

import rookery
from rookery.errors import UserError
from rookery.publisher.files.reading_file import ReadingFile
from rookery.publisher.files.row_reader import ReadingRow
from rookery.schemas.codec import in_base64
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Reason, Rejection

if TYPE_CHECKING:
    from pathlib import Path

    from storage_emulator.server import StorageServer

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def prediction(name: str, **more: Any) -> Prediction:
    known = {
        "reading_id": name,
        "message_id": "1",
        "species": "Gentoo",
        "probability": 0.9,
        "probabilities": {"Adelie": 0.05, "Chinstrap": 0.05, "Gentoo": 0.9},
        "out_of_distribution": False,
        "model": "m",
        "predicted_at": NOON,
    }
    return Prediction(**{**known, **more})


def lines(*written: Prediction | Rejection) -> bytes:
    return "".join(f"{each.model_dump_json()}\n" for each in written).encode()


def put(folder: Path, *written: Prediction | Rejection) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1.ndjson").write_bytes(lines(*written))
    return folder


def test_a_bucket_is_read_as_a_folder_is(strict: StorageServer, tmp_path: Path) -> None:
    """The same lines, duplicates among them, give equal frames with each reading's first line."""
    written = [prediction("a", row=3), prediction("b", species="Adelie"), prediction("a", probability=0.5)]
    client = Client(client_options={"api_endpoint": strict.url}, use_auth_w_custom_endpoint=False)
    blob = client.bucket("rookery-test").blob("out/date=2026-11-22/hour=12/1.ndjson.gz")
    blob.upload_from_string(gzip.compress(lines(*written)), if_generation_match=0)
    client.close()
    folder = rookery.read_predictions(put(tmp_path / "out", *written))
    pd.testing.assert_frame_equal(rookery.read_predictions("gs://rookery-test/out"), folder)
    assert folder["reading_id"].tolist() == ["a", "b"]
    assert folder["probability"].tolist() == [0.9, 0.9]
    assert folder["row"].tolist() == [3, pd.NA]
    assert folder["species"].cat.categories.tolist() == ["Adelie", "Chinstrap", "Gentoo"]


def test_an_empty_folder_gives_the_same_columns_and_dtypes(tmp_path: Path) -> None:
    """Nothing predicted yet is a frame without rows; a place that is none is a sentence."""
    (tmp_path / "empty").mkdir()
    full = rookery.read_predictions(put(tmp_path / "out", prediction("a")))
    pd.testing.assert_frame_equal(rookery.read_predictions(tmp_path / "empty"), full.iloc[:0])
    with pytest.raises(UserError, match="There is no folder"):
        rookery.read_predictions(tmp_path / "none")


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({"since": "2026-11-22"}, ["noon", "later"]),
        ({"since": date(2026, 11, 22), "until": date(2026, 11, 22)}, ["noon"]),
        ({"until": NOON}, ["before", "noon"]),
        ({"until": "2026-11-22T13:00:00+02:00"}, ["before"]),
        ({"since": NOON + timedelta(microseconds=1)}, ["later"]),
    ],
)
def test_days_count_whole_and_moments_to_the_microsecond(
    bounds: dict[str, Any], found: list[str], tmp_path: Path
) -> None:
    """Both bounds are inclusive, of predictions and rejections alike."""
    times = {"before": NOON - timedelta(days=1), "noon": NOON, "later": NOON + timedelta(days=1)}
    good = put(tmp_path / "good", *(prediction(name, predicted_at=at) for name, at in times.items()))
    bad = put(tmp_path / "bad", *(rejection(name, rejected_at=at) for name, at in times.items()))
    assert rookery.read_predictions(good, **bounds)["reading_id"].tolist() == found
    assert rookery.read_rejections(bad, **bounds)["reading_id"].tolist() == found


def rejection(name: str, **more: Any) -> Rejection:
    known: dict[str, Any] = {
        "reasons": (Reason(field="year", rule="a whole number is needed", value="1.5"),),
        "original": in_base64(b'{"year": 1.5}'),
        "reading_id": name,
        "message_id": "1",
        "rejected_at": NOON,
        "revision": "r",
    }
    return Rejection(**{**known, **more})


def test_a_moment_without_an_offset_is_refused(tmp_path: Path) -> None:
    """A naive time would mean another moment on each machine."""
    put(tmp_path, prediction("a"))
    for bound in (datetime(2026, 11, 22), "2026-11-22T12:00:00", "yesterday"):  # noqa: DTZ001  on purpose
        with pytest.raises(ValueError, match="is needed"):
            rookery.read_predictions(tmp_path, since=bound)


def test_the_readings_of_a_file_are_found_by_their_ids(tmp_path: Path) -> None:
    """`file` selects what a published CSV file became, whatever else lies in the folder."""
    file = tmp_path / "in.csv"
    file.write_text("bill_length_mm,sex\n39.1,male\n46.5,\n")
    names = [str(row.reading.reading_id) for row in ReadingFile(file).rows() if isinstance(row, ReadingRow)]
    folder = put(tmp_path / "out", prediction("other"), *(prediction(name) for name in names))
    assert rookery.read_predictions(folder, file=file)["reading_id"].tolist() == names


def test_rejections_have_their_reasons_and_their_original(tmp_path: Path) -> None:
    """One row a rejected reading, with right dtypes."""
    frame = rookery.read_rejections(
        put(tmp_path / "bad", rejection("a"), rejection("a"), rejection("b", row=2))
    )
    assert frame["reading_id"].tolist() == ["a", "b"]
    assert frame["reason"][0] == "year: a whole number is needed, not 1.5"
    assert frame["original"][0] == '{"year": 1.5}'
    assert (str(frame["rejected_at"].dtype), str(frame["row"].dtype)) == ("datetime64[us, UTC]", "Int64")


def test_the_same_table_comes_as_arrow_and_as_polars(tmp_path: Path) -> None:
    """Three kinds of frames hold the same rows: labels are codes of every label, times are in UTC."""
    folder = put(tmp_path / "out", prediction("a", row=3, observed_at=NOON), prediction("b"))
    frame, table, polars = (
        rookery.read_predictions(folder, as_=kind) for kind in ("pandas", "arrow", "polars")
    )
    assert frame.dtypes.astype(str)[["species", "observed_at", "out_of_distribution", "row"]].tolist() == [
        "category",
        "datetime64[us, UTC]",
        "bool",
        "Int64",
    ]
    assert table.column("species").type == pa.dictionary(pa.int32(), pa.string())
    assert table.to_pylist() == polars.to_dicts()
    assert table.column("reading_id").to_pylist() == frame["reading_id"].tolist()
    assert table.column("observed_at").to_pylist() == [NOON, None]
    assert rookery.read_rejections(put(tmp_path / "bad", rejection("c")), as_="polars").height == 1


def test_a_kind_of_frame_that_is_not_there_is_said_before_a_line_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package that is missing is named, and the kinds that there are."""
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ModuleNotFoundError, match="polars is needed: pip install polars"):
        rookery.read_predictions(tmp_path / "none", as_="polars")
    with pytest.raises(ValueError, match='"polars" or "arrow" is needed, not \'dask\''):
        rookery.read_rejections(tmp_path / "none", as_="dask")  # type: ignore[arg-type]  # on purpose
