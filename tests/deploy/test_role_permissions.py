"""Terraform's roles against the strict storage server: a worker never meets a 403 with just these permissions."""

from __future__ import annotations

import base64
import gzip
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
from google.cloud.storage import Client
from pyarrow import parquet

from rookery.doctor.sinks import BUCKET_PERMISSIONS
from rookery.results.compaction import BucketTarget, CompactionSummary, compact
from rookery.training.testing import variant
from rookery.worker.app import running
from rookery.worker.models.gcs_source import GcsModelSource
from rookery.worker.models.source import ModelObject
from rookery.worker.settings import SHIPPED_MODEL, Settings
from storage_emulator.faults import StorageFault
from tests.conftest import BUCKET
from tests.deploy.terraform_files import RESOURCES

if TYPE_CHECKING:
    from storage_emulator.server import StorageServer

OBJECT_WRITER: Final = frozenset(RESOURCES["google_project_iam_custom_role.object_writer"]["permissions"])
OBJECT_VIEWER: Final = frozenset({"storage.objects.get", "storage.objects.list"})
"""The permissions on objects of Google's `roles/storage.objectViewer`."""

OBJECT_USER: Final = OBJECT_VIEWER | {"storage.objects.create", "storage.objects.delete"}
"""The permissions on objects of Google's `roles/storage.objectUser`."""

SETTINGS: Final = Settings(port=0, results=f"gs://{BUCKET}/results", rejects=f"gs://{BUCKET}/rejects")
PUBLISHED: Final = "2026-11-26T12:00:00Z"


def lines(server: StorageServer) -> list[dict[str, Any]]:
    """Every prediction in the bucket."""
    stored = [each for each in server.buckets.objects(BUCKET) if each.name.startswith("results/")]
    return [json.loads(line) for each in stored for line in gzip.decompress(each.content).splitlines()]


async def push(address: str, name: str) -> int:
    """Push one reading under a message id and give the status."""
    data = base64.b64encode(json.dumps({"reading_id": name, "body_mass_g": 5000}).encode()).decode()
    message = {"data": data, "messageId": name, "publishTime": PUBLISHED}
    envelope = json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"})
    async with aiohttp.ClientSession(address) as client, client.post("/", data=envelope) as answer:
        return answer.status


async def test_a_redelivery_after_a_restart_is_acknowledged(strict: StorageServer) -> None:
    """The first write, its duplicate, and redeliveries to a restarted worker are 204, with one object."""
    strict.permissions.grant(OBJECT_WRITER)
    for _ in range(2):
        async with running(SETTINGS) as address:
            assert [await push(address, "m1") for _ in range(2)] == [204, 204]
    (stored,) = strict.buckets.objects(BUCKET, versions=True)
    assert gzip.decompress(stored.content).count(b"\n") == 1


async def test_a_redelivery_of_parquet_results_is_acknowledged(strict: StorageServer) -> None:
    """In columns, too, the first write, a lost response, and redeliveries to a restarted worker are 204, with one object."""
    strict.permissions.grant(OBJECT_WRITER)
    strict.faults.inject("insert", StorageFault(status=503, carried_out=True))
    for _ in range(2):
        async with running(SETTINGS.model_copy(update={"results_format": "parquet"})) as address:
            assert [await push(address, "m1") for _ in range(2)] == [204, 204]
    (stored,) = strict.buckets.objects(BUCKET, versions=True)
    assert parquet.read_table(BytesIO(stored.content))["reading_id"].to_pylist() == ["m1"]


async def test_a_retry_after_a_lost_response_is_acknowledged(strict: StorageServer) -> None:
    """The client retries an upload whose response was lost, finds its object there, and the push is 204."""
    strict.permissions.grant(OBJECT_WRITER)
    strict.faults.inject("insert", StorageFault(status=503, carried_out=True))
    async with running(SETTINGS) as address:
        assert await push(address, "m1") == 204
    assert len(strict.buckets.objects(BUCKET)) == 1


@pytest.mark.parametrize("permission", sorted(OBJECT_WRITER))
async def test_the_role_has_no_permission_too_many(strict: StorageServer, permission: str) -> None:
    """Without any one of its permissions a redelivery fails with 403."""
    async with running(SETTINGS) as address:
        assert await push(address, "m1") == 204
    strict.permissions.grant(OBJECT_WRITER - {permission})
    async with running(SETTINGS) as address:
        assert await push(address, "m1") == 503


def test_a_model_is_loaded_and_refreshed(strict: StorageServer) -> None:
    """The role on the models' bucket is enough for the generation, the download, and the next generation."""
    source = GcsModelSource(ModelObject.read(f"gs://{BUCKET}/penguins.ubj"))
    strict.permissions.grant(OBJECT_VIEWER)
    for content in (b"first", b"second"):
        strict.buckets.insert(BUCKET, "penguins.ubj", content=content, fields={})
        fetched = source.fetch()
        assert (fetched.artifact, fetched.version) == (content, source.version())
    assert (
        RESOURCES["google_storage_bucket_iam_member.worker_reads_models"]["role"]
        == "roles/storage.objectViewer"
    )


async def test_a_worker_takes_a_new_model_under_its_role(strict: StorageServer) -> None:
    """Start, write, refresh and write again need no more than the role: every push is 204, and the new model answers."""
    shipped = SHIPPED_MODEL.read_bytes()
    strict.buckets.insert(BUCKET, "model.ubj", content=shipped, fields={})
    strict.permissions.grant(OBJECT_WRITER)
    settings = SETTINGS.model_copy(
        update={"model": f"gs://{BUCKET}/model.ubj", "model_refresh_seconds": 0.05}
    )
    async with running(settings) as address:
        assert await push(address, "before") == 204
        strict.buckets.insert(BUCKET, "model.ubj", content=variant(shipped, rounds=3), fields={})
        (first,) = {each["model"] for each in lines(strict)}
        # The refresh says nothing to a client; the answers do.
        for number in range(600):
            assert await push(address, f"after-{number}") == 204
            if {each["model"] for each in lines(strict)} != {first}:
                return
    pytest.fail("the new model never answered")


async def test_a_compaction_runs_under_the_role_of_operators(strict: StorageServer) -> None:
    """What Terraform grants to operators is enough to merge the objects of an hour, and no reading is lost."""
    role = RESOURCES["google_storage_bucket_iam_member.operators"]
    assert (role["role"], role["for_each"]) == ("roles/storage.objectUser", "${var.operators}")
    strict.permissions.grant(OBJECT_WRITER)
    async with running(SETTINGS) as address:
        for name in ("m1", "m2", "m3"):
            assert await push(address, name) == 204
    strict.permissions.grant(OBJECT_USER)
    later = datetime.now(UTC) + timedelta(hours=2)
    with closing(Client()) as client:
        summary = compact(BucketTarget(f"gs://{BUCKET}/results", client), now=later)
    assert summary == CompactionSummary(before=3, after=1)
    assert sorted(each["reading_id"] for each in lines(strict)) == ["m1", "m2", "m3"]
    assert len(strict.buckets.objects(BUCKET)) == 1


def test_doctor_asks_for_the_permissions_of_the_role() -> None:
    """`rookery doctor` accepts the role that Terraform grants, and refuses one that is not enough."""
    assert set(BUCKET_PERMISSIONS) == OBJECT_WRITER
