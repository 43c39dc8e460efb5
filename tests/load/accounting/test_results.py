"""Results folders: finished files only, each reading once, a broken line said clearly."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rookery.load.accounting.bucket_results import ResultsBucket
from rookery.load.accounting.folder_results import (
    BrokenResultsError,
    ResultsFolder,
    local_path,
    predictions,
    rejections,
)
from rookery.load.accounting.open_results import open_results
from rookery.load.accounting.topic_results import ResultsTopic
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Reason, Rejection
from rookery.worker.storage_client import storage_client

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def prediction(reading_id: str, species: str = "Gentoo") -> Prediction:
    return Prediction(
        reading_id=reading_id,
        message_id="m",
        species=species,
        probability=1.0,
        probabilities={species: 1.0},
        out_of_distribution=False,
        model="d1",
        predicted_at=NOON,
    )


def write(folder: Path, name: str, *lines: Prediction | Rejection) -> None:
    file = folder / "date=2026-11-23" / "hour=12" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(line.model_dump_json() + "\n" for line in lines))


def test_each_reading_is_given_once(tmp_path: Path) -> None:
    """A reading that was delivered and written twice is read once, the first time it was written."""
    write(tmp_path, "a.ndjson", prediction("1"), prediction("2", "Adelie"))
    write(tmp_path, "b.ndjson", prediction("2"), prediction("3"))
    results = predictions(tmp_path)
    assert [(one.reading_id, one.species) for one in results] == [
        ("1", "Gentoo"),
        ("2", "Adelie"),
        ("3", "Gentoo"),
    ]
    assert len(list(results.every())) == 4


def test_unfinished_files_are_left_alone(tmp_path: Path) -> None:
    """A file that starts with a dot is being written; its lines do not exist yet."""
    write(tmp_path, "a.ndjson", prediction("1"))
    write(tmp_path, ".b.ndjson", prediction("2"))
    assert [one.reading_id for one in predictions(tmp_path)] == ["1"]


def test_a_folder_below_a_dot_folder_is_read(tmp_path: Path) -> None:
    """Only what lies below the results folder is hidden by its dot, not where the folder itself stands."""
    write(tmp_path / ".cache" / "results", "a.ndjson", prediction("1"))
    assert [one.reading_id for one in predictions(tmp_path / ".cache" / "results")] == ["1"]


def test_fresh_gives_only_what_was_added(tmp_path: Path) -> None:
    """A reader that waits for results reads each finished file once."""
    results = predictions(tmp_path / "not" / "yet")
    assert list(results.fresh()) == []
    write(results.path, "a.ndjson", prediction("1"))
    assert [one.reading_id for one in results.fresh()] == ["1"]
    write(results.path, "b.ndjson", prediction("2"))
    assert [one.reading_id for one in results.fresh()] == ["2"]
    assert list(results.fresh()) == []


def test_rejections_are_read_with_their_reasons(tmp_path: Path) -> None:
    """A rejection comes back as it was written."""
    written = Rejection(
        reasons=(Reason(field="sex", rule="'female' or 'male'", value='"f"'),),
        original="e30=",
        reading_id="1",
        message_id="m",
        rejected_at=NOON,
        revision="r1",
    )
    write(tmp_path, "a.ndjson", written)
    assert list(rejections(tmp_path)) == [written]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """A finished file with a torn line is a defect: file, line and field are said."""
    write(tmp_path, "a.ndjson", prediction("1"))
    file = next(tmp_path.rglob("*.ndjson"))
    file.write_text(file.read_text() + '{"reading_id": "2"}\n')
    with pytest.raises(
        BrokenResultsError, match=r"a\.ndjson, line 2, is no prediction: .*message_id: Field required"
    ):
        list(predictions(tmp_path))


def test_addresses_are_paths_or_files() -> None:
    """`file:` addresses and paths are read; any other address is refused by name."""
    assert local_path("file:///var/my%20results") == Path("/var/my results")
    assert local_path("file://localhost/var/results") == Path("/var/results")
    assert local_path("file://./results") == Path("results")
    assert local_path("results") == local_path(Path("results")) == Path("results")
    with pytest.raises(ValueError, match="gs://bucket/results: a path or file:///"):
        local_path("gs://bucket/results")


def test_an_open_segment_is_read_up_to_its_last_whole_line_and_never_twice(tmp_path: Path) -> None:
    """Durable lines are readable at once; a torn line was never acknowledged; a new name changes nothing."""
    results = predictions(tmp_path)
    write(tmp_path, ".open-a.ndjson", prediction("1"))
    hour = tmp_path / "date=2026-11-23" / "hour=12"
    with (hour / ".open-a.ndjson").open("a") as file:
        file.write('{"torn')
    assert [one.reading_id for one in results.fresh()] == ["1"]
    write(tmp_path, ".open-a.ndjson", prediction("1"), prediction("2"))
    assert [one.reading_id for one in results.fresh()] == ["2"]
    (hour / ".open-a.ndjson").rename(hour / "a.ndjson")
    assert list(results.fresh()) == []
    assert [one.reading_id for one in results] == ["1", "2"]


def test_one_opener_reads_every_kind_of_address(tmp_path: Path) -> None:
    """Paths and file: addresses are folders, gs:// a bucket, a subscription's name a topic; nothing else is opened."""
    client = object()
    assert isinstance(open_results(tmp_path, Prediction), ResultsFolder)
    assert isinstance(open_results(tmp_path.as_uri(), Prediction), ResultsFolder)
    assert isinstance(open_results("gs://bucket/predictions", Prediction, client=client), ResultsBucket)
    assert isinstance(open_results("projects/p/subscriptions/s", Prediction, client=client), ResultsTopic)
    with pytest.raises(ValueError, match="s3://bucket: a path or file:///absolute/path is needed"):
        open_results("s3://bucket", Prediction)


@pytest.mark.usefixtures("strict")
def test_files_of_a_cloud_storage_subscription_are_read_like_objects() -> None:
    """Pub/Sub writes the result topic uncompressed, in folders of days; each reading is still given once."""
    client = storage_client()
    bucket = client.bucket("rookery-test")
    lines = [f"{prediction(each).model_dump_json()}\n".encode() for each in ("1", "2", "3")]
    compressed = bucket.blob("predictions/date=2026-11-23/hour=12/a.ndjson.gz")
    compressed.upload_from_string(gzip.compress(lines[0] + lines[1]))
    file = bucket.blob("predictions/2026-11-23/12_00_00Z_0c4f.ndjson")
    file.upload_from_string(lines[1] + lines[2])
    results = ResultsBucket("gs://rookery-test/predictions", Prediction, client=client)
    assert sorted(each.reading_id for each in results) == ["1", "2", "3"]
    assert len(list(results.every())) == 4
    client.close()
