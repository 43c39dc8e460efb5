"""The page's sources: folders by several names, buckets and topics, and a clear error for any other address."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from google.cloud.storage import Client

from rookery.environment.provision import clients
from rookery.errors import UserError
from rookery.watch.source import beside, opened
from storage_emulator.server import StorageServer

if TYPE_CHECKING:
    from pathlib import Path

LINE = (
    '{"reading_id":"%s","message_id":"m","species":"Adelie","probability":1,"probabilities":{"Adelie":1},'
    '"out_of_distribution":false,"model":"abc","predicted_at":"2026-11-23T12:00:00Z"}\n'
)


@pytest.mark.parametrize(
    ("where", "results", "rejects"),
    [
        ("/data/run", "/data/run/predictions", "/data/run/rejections"),
        ("/data/run/predictions", "/data/run/predictions", "/data/run/rejections"),
        ("gs://bucket", "gs://bucket/predictions", "gs://bucket/rejections"),
        ("gs://bucket/a/predictions/", "gs://bucket/a/predictions", "gs://bucket/a/rejections"),
    ],
)
def test_rejections_are_found_beside_the_results(where: str, results: str, rejects: str) -> None:
    """One address is enough where both have the worker's default names."""
    assert beside(where) == (results, rejects)


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/predictions"])
def test_a_folder_is_read_under_each_of_its_names(tmp_path: Path, form: str) -> None:
    """A path, its address, or the folder of the predictions itself."""
    hour = tmp_path / "predictions" / "date=2026-11-23" / "hour=12"
    hour.mkdir(parents=True)
    (hour / "a.ndjson").write_text(LINE % "one")
    with opened(form.format(tmp_path)) as source:
        assert [line.reading_id for line in source.predictions.fresh()] == ["one"]
        assert list(source.rejections.fresh()) == []
        (hour / "b.ndjson").write_text(LINE % "two")
        assert [line.reading_id for line in source.predictions.fresh()] == ["two"]


@pytest.mark.parametrize("where", ["s3://bucket/x", "pubsub://project", "pubsub://project/a/b"])
def test_any_other_address_is_refused_with_what_is_needed(where: str) -> None:
    """An address that can never have results is an error at the start."""
    with pytest.raises(UserError, match="is needed"), opened(where):
        pytest.fail("it opened")


def test_a_bucket_is_read_object_by_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects that a worker writes to Cloud Storage reach the page as they come."""
    with StorageServer() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        bucket = Client().create_bucket("penguins")
        with opened("gs://penguins/run") as source:
            assert list(source.predictions.fresh()) == []
            hour = "run/predictions/date=2026-11-23/hour=12"
            bucket.blob(f"{hour}/a.ndjson.gz").upload_from_string(gzip.compress((LINE % "one").encode()))
            assert [line.reading_id for line in source.predictions.fresh()] == ["one"]
            assert list(source.predictions.fresh()) == []


def test_a_topic_is_read_over_a_temporary_subscription(broker: str) -> None:
    """The page takes nothing away from other subscribers, and leaves nothing behind."""
    publisher, subscriber = clients(broker)
    topics = [f"projects/p/topics/{name}" for name in ("results", "results-rejections")]
    for topic in topics:
        publisher.create_topic(name=topic)
    with opened("pubsub://p/results", broker=broker) as source:
        publisher.publish(topic=topics[0], messages=[{"data": (LINE % "one").encode()}])
        assert [line.reading_id for line in source.predictions.fresh()] == ["one"]
        assert list(source.rejections.fresh()) == []
    left = [each.name for each in subscriber.list_subscriptions(project="projects/p")]
    assert [name for name in left if "-watch-" in name] == []
    publisher.transport.close()


def test_a_missing_topic_is_an_error(broker: str) -> None:
    """The page does not start over a topic that does not exist."""
    with (
        pytest.raises(UserError, match="cannot be watched"),
        opened("pubsub://p/nowhere", broker=broker),
    ):
        pytest.fail("it opened")
