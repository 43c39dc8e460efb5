"""Compaction: the small files of an hour become one, and nothing is lost on the way."""

from __future__ import annotations

import gzip
import os
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from google.cloud.storage import Client

from rookery.load.accounting.folder_results import predictions
from rookery.results.compaction import BucketTarget, FolderTarget, compact
from rookery.results.query import SelectedPredictions
from storage_emulator.faults import StorageFault
from storage_emulator.server import StorageServer
from tests.rookery.results.stored_results import NOON, prediction, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_small_files_of_a_closed_hour_become_one(tmp_path: Path) -> None:
    """Every line is there afterwards, once; open segments, single files and the present hour are left alone."""
    files = [[prediction(f"{number}-{row}") for row in range(3)] for number in range(4)]
    written(tmp_path, *files, files[0])
    written(tmp_path, *files, hour="date=2026-11-22/hour=14")
    written(tmp_path, files[0], hour="date=2026-11-22/hour=10")
    (tmp_path / "date=2026-11-22/hour=12/.open-9.ndjson").write_text(
        prediction("open").model_dump_json() + "\n"
    )
    before = sorted(line.reading_id for line in predictions(tmp_path))
    now = NOON + timedelta(hours=2)
    place = FolderTarget(tmp_path)
    assert compact(place, now=now, dry_run=True) == compact(place, now=now)
    assert sorted(line.reading_id for line in predictions(tmp_path)) == before
    left = sorted(path.name for path in (tmp_path / "date=2026-11-22/hour=12").iterdir())
    assert (left[0], len(left), left[1].startswith("compact-")) == (".open-9.ndjson", 2, True)
    assert len((tmp_path / "date=2026-11-22/hour=12" / left[1]).read_text().splitlines()) == 12
    assert len(list((tmp_path / "date=2026-11-22/hour=14").iterdir())) == 4
    assert compact(place, now=now).before == 0


def test_a_compaction_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    """With the merged file there and the others too, the next one ends with each line once."""
    root = written(tmp_path, [prediction("a")], [prediction("b")])
    kept = {path: path.read_text() for path in root.rglob("*.ndjson")}
    compact(FolderTarget(root))
    for path, text in kept.items():
        path.write_text(text)
    compact(FolderTarget(root))
    (merged,) = root.rglob("*.ndjson")
    assert len(merged.read_text().splitlines()) == 2


@pytest.mark.parametrize("loss", [os.unlink, lambda path: os.truncate(path, 3)], ids=["removed", "cut"])
def test_a_compaction_removes_nothing_before_it_has_seen_the_merged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: Callable[[Path], None]
) -> None:
    """Where the merged file is removed or cut while it becomes durable, the files that it was made of stay."""
    root = written(tmp_path, [prediction("a")], [prediction("b")])
    real = os.fsync

    def losing(descriptor: int) -> None:
        real(descriptor)
        for merged in root.rglob("compact-*.ndjson"):
            loss(merged)

    monkeypatch.setattr(os, "fsync", losing)
    with pytest.raises(OSError, match=r"no longer there|No such file"):
        compact(FolderTarget(root))
    assert len([path for path in root.rglob("*.ndjson") if not path.name.startswith("compact-")]) == 2


def test_a_compaction_verifies_an_object_behind_a_412(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A false 412 leaves the objects that would have been merged."""
    with StorageServer("penguins") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        client = Client(client_options={"api_endpoint": server.url}, use_auth_w_custom_endpoint=False)
        for name in ("a", "b"):
            line = f"{prediction(name).model_dump_json()}\n"
            blob = client.bucket("penguins").blob(f"out/date=2026-11-22/hour=12/{name}.ndjson.gz")
            blob.upload_from_string(gzip.compress(line.encode()), if_generation_match=0)
        server.faults.inject("insert", StorageFault(status=412))
        with pytest.raises(OSError, match="does not exist"):
            compact(BucketTarget("gs://penguins/out", client))
        assert [one.reading_id for one in SelectedPredictions("gs://penguins/out")] == ["a", "b"]
        client.close()


def test_a_bucket_is_read_and_compacted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with objects and their preconditions."""
    with StorageServer("penguins") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        client = Client(client_options={"api_endpoint": server.url}, use_auth_w_custom_endpoint=False)
        for number in range(3):
            lines = f"{prediction(f'f-{number}').model_dump_json()}\n{prediction('f-9').model_dump_json()}\n"
            blob = client.bucket("penguins").blob(f"out/date=2026-11-22/hour=12/{number}.ndjson.gz")
            blob.upload_from_string(gzip.compress(lines.encode()), if_generation_match=0)
        assert [one.reading_id for one in SelectedPredictions("gs://penguins/out")] == [
            "f-0",
            "f-9",
            "f-1",
            "f-2",
        ]
        assert compact(BucketTarget("gs://penguins/out", client)).after == 1
        assert [blob.name.rpartition("/")[2][:8] for blob in client.list_blobs("penguins")] == ["compact-"]
        assert [one.reading_id for one in SelectedPredictions("gs://penguins/out")] == [
            "f-0",
            "f-9",
            "f-1",
            "f-2",
        ]
        client.close()


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o750, 0o640), (0o755, 0o644)])
def test_a_compacted_file_is_read_by_those_who_read_its_folder(
    tmp_path: Path, folder: int, file: int
) -> None:
    """The users who could read the small files can read the large one, and no others."""
    root = written(tmp_path, [prediction("a")], [prediction("b")])
    (root / "date=2026-11-22/hour=12").chmod(folder)
    compact(FolderTarget(root))
    (merged,) = root.rglob("*.ndjson")
    assert stat.S_IMODE(merged.stat().st_mode) == file
