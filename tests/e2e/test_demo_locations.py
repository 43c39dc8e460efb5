"""The demo's results in a folder, in Cloud Storage and on a topic are the same predictions, line for line."""

from __future__ import annotations

import gzip
import json
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
from gcp_storage_emulator.server import create_server
from google.cloud.storage import Client
from rich.console import Console
from rich.status import Status

from rookery.demo.run import DemoOptions, play
from rookery.environment.local import Folders
from rookery.environment.results_location import opened
from rookery.errors import UserError
from rookery.load.accounting.bucket_results import ResultsBucket
from rookery.load.accounting.folder_results import BrokenResultsError, predictions
from rookery.schemas.prediction import Prediction
from storage_emulator.server import StorageServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rookery.demo.report import DemoReport

OF_THE_RUN = {"message_id", "published_at", "predicted_at", "features"}
"""Fields that differ from run to run: the broker's ids, times, and the sampled features (ROOKERY_FEATURE_SAMPLE_ROWS)."""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("ROOKERY_", "PUBSUB_", "STORAGE_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def folder_lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("folder")
    report = played(root, str(root))
    assert report.account.closed
    return lines(predictions(root / "predictions"))


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True)
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    client = Client()
    yield client
    client.close()
    server.stop()


def played(root: Path, where: str) -> DemoReport:
    return play(DemoOptions(results=where), Folders(root), Status("", console=Console(quiet=True)))


def lines(found: Iterable[Prediction]) -> list[str]:
    """Every prediction as a line without the fields of the run, in the order of the readings."""
    return sorted(one.model_dump_json(exclude=OF_THE_RUN) for one in found)


def test_storage_holds_the_same_lines_as_the_folder(
    folder_lines: list[str], emulated: Client, tmp_path: Path
) -> None:
    """On the everyday emulator that STORAGE_EMULATOR_HOST names, read back after the run; the bucket is made."""
    report = played(tmp_path, "gs://penguins/a run")
    assert report.account.closed
    assert not report.location.temporary
    assert (
        lines(ResultsBucket("gs://penguins/a run/predictions", Prediction, client=emulated)) == folder_lines
    )
    assert not (tmp_path / "predictions").exists()


def test_the_demo_starts_a_storage_emulator_where_none_is_named(tmp_path: Path) -> None:
    """In memory, for as long as the run lasts, under the address that the user chose."""
    with opened("gs://penguins", tmp_path, broker=str) as location:
        assert location.temporary
        assert (location.results, location.rejects) == (
            "gs://penguins/predictions",
            "gs://penguins/rejections",
        )
        assert list(location.predictions) == []


def test_a_topic_gets_the_same_lines_as_the_folder(folder_lines: list[str], tmp_path: Path) -> None:
    """Read from a subscription while the worker publishes."""
    report = played(tmp_path, "pubsub://demo/results")
    assert report.account.closed
    assert lines(report.predicted.values()) == folder_lines


def test_storage_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With its address, before anything is published."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"gs://penguins/run cannot be used at http://127\.0\.0\.1:9"):
        played(tmp_path, "gs://penguins/run")


def line(reading_id: str, **changes: Any) -> bytes:
    fields = {"reading_id": reading_id, "message_id": "m", "species": "Gentoo", "probability": 1.0}
    more = {
        "probabilities": {},
        "out_of_distribution": False,
        "model": "a",
        "predicted_at": "2026-11-23T12:00:00Z",
    }
    return json.dumps({**fields, **more, **changes}).encode() + b"\n"


def test_a_bucket_is_read_like_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading once, what is new once, other objects not at all, and a broken line by its place."""
    with StorageServer("b") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        client = Client()

        def store(name: str, *stored: bytes) -> None:
            client.bucket("b").blob(name).upload_from_string(gzip.compress(b"".join(stored)))

        results = ResultsBucket("gs://b/p/", Prediction, client=client)
        assert list(results) == []
        store("p/date=2026-11-23/hour=12/0a.ndjson.gz", line("r1"), line("r2"))
        store("p/README", b"not of ours")
        store("pp/date=2026-11-23/hour=12/0a.ndjson.gz", line("of another prefix"))
        assert [one.reading_id for one in results.fresh()] == ["r1", "r2"]
        store("p/date=2026-11-23/hour=13/0b.ndjson.gz", line("r2"), line("r3"))
        assert [one.reading_id for one in results.fresh()] == ["r2", "r3"]
        assert [one.reading_id for one in results.every()] == ["r1", "r2", "r2", "r3"]
        assert [one.reading_id for one in results] == ["r1", "r2", "r3"]
        store("p/z.ndjson.gz", line("r4"), line("r5", species=None))
        with pytest.raises(
            BrokenResultsError, match=r"gs://b/p/z\.ndjson\.gz, line 2, is no prediction: species"
        ):
            list(results)
        client.close()
