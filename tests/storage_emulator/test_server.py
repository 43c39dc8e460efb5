"""The strict storage server, seen through Google's own client: generations, preconditions, listings, faults."""

from __future__ import annotations

import os
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed, ServiceUnavailable
from google.cloud.storage import Client

from storage_emulator.faults import StorageFault
from storage_emulator.server import StorageServer
from tests.conftest import BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def client(strict: StorageServer) -> Iterator[Client]:  # noqa: ARG001  its address is in the environment
    made = Client()
    yield made
    made.close()


@pytest.mark.parametrize("size", [0, 1, 70_000, 9 * 1024 * 1024])
def test_what_was_uploaded_is_downloaded_whichever_way_it_went(client: Client, size: int) -> None:
    """In one request or, from 8 MB on, in a resumable session; checksums are compared on both sides."""
    content = os.urandom(size)
    client.bucket(BUCKET).blob("deep/er/a b.bin").upload_from_string(content, checksum="crc32c")
    assert client.bucket(BUCKET).blob("deep/er/a b.bin").download_as_bytes() == content


def test_only_one_of_sixteen_racing_writers_creates_an_object(client: Client, strict: StorageServer) -> None:
    """`if_generation_match=0` is kept under fire; this is what the everyday emulator does not do."""

    def write(nth: int) -> bool:
        try:
            client.bucket(BUCKET).blob("raced").upload_from_string(f"{nth}", if_generation_match=0)
        except PreconditionFailed:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(write, range(16))) == 1
    assert len(strict.buckets.objects(BUCKET, versions=True)) == 1


def test_a_generation_is_replaced_only_by_who_knows_it(client: Client) -> None:
    """The condition of every optimistic update, on upload and on delete."""
    blob = client.bucket(BUCKET).blob("a")
    blob.upload_from_string("1")
    first = blob.generation
    blob.upload_from_string("2", if_generation_match=first)
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string("3", if_generation_match=first)
    with pytest.raises(PreconditionFailed):
        client.bucket(BUCKET).blob("a").delete(if_generation_match=first)
    assert client.bucket(BUCKET).blob("a").download_as_bytes() == b"2"


def test_a_versioned_bucket_keeps_what_was_replaced_and_deleted(client: Client) -> None:
    """Each generation stays readable by its number; a plain bucket forgets it."""
    bucket = client.bucket("rookery-versions")
    bucket.versioning_enabled = True
    client.create_bucket(bucket)
    generations = []
    for content in ("1", "2"):
        blob = bucket.blob("a")
        blob.upload_from_string(content)
        generations.append(blob.generation)
    bucket.blob("a").delete()
    assert [bucket.blob("a", generation=each).download_as_bytes() for each in generations] == [b"1", b"2"]
    assert [blob.generation for blob in client.list_blobs(bucket, versions=True)] == generations
    assert list(client.list_blobs(bucket)) == []
    plain = client.bucket(BUCKET).blob("a")
    plain.upload_from_string("1")
    first = plain.generation
    plain.upload_from_string("2")
    with pytest.raises(NotFound):
        client.bucket(BUCKET).blob("a", generation=first).download_as_bytes()


def test_a_listing_comes_in_pages_by_prefix_and_name(client: Client) -> None:
    """However small the pages."""
    for name in ("b/2", "a/1", "b/1", "b/3", "c"):
        client.bucket(BUCKET).blob(name).upload_from_string(name)
    found = client.list_blobs(BUCKET, prefix="b/", page_size=2)
    assert [blob.name for blob in found] == ["b/1", "b/2", "b/3"]


def test_what_is_not_there_is_404_and_what_is_there_409(client: Client) -> None:
    """For objects and buckets."""
    with pytest.raises(NotFound):
        client.bucket("none").blob("a").upload_from_string("a")
    with pytest.raises(NotFound):
        client.bucket(BUCKET).blob("none").delete()
    with pytest.raises(NotFound):
        client.get_bucket("none")
    with pytest.raises(Conflict):
        client.create_bucket(BUCKET)
    assert client.get_bucket(BUCKET).exists()
    assert not client.bucket(BUCKET).blob("none").exists()


def test_content_with_another_checksum_than_promised_is_refused(client: Client) -> None:
    """Content that was damaged in transit is never stored."""
    blob = client.bucket(BUCKET).blob("a")
    blob.crc32c = "AAAAAA=="
    with pytest.raises(BadRequest, match="checksum"):
        blob.upload_from_string("a", checksum=None)


def test_faults_strike_once_each_or_until_cleared_and_everything_is_counted(
    client: Client, strict: StorageServer
) -> None:
    """Also what failed counts as an operation: it is billed, too."""
    blob = client.bucket(BUCKET).blob("a")
    strict.faults.inject("insert", StorageFault(status=503))
    with pytest.raises(ServiceUnavailable):
        blob.upload_from_string("a", retry=None)
    blob.upload_from_string("a", retry=None)
    strict.faults.last("list", StorageFault(status=503))
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            list(client.list_blobs(BUCKET, retry=None))
    strict.faults.clear()
    assert len(list(client.list_blobs(BUCKET, retry=None))) == 1
    assert (strict.operations["insert"], strict.operations["list"]) == (2, 3)
    assert strict.class_a == 5


def test_a_resumable_upload_goes_on_where_its_client_found_the_server() -> None:
    """A session's address has the name that the client used: behind another name the server's own leads nowhere."""
    with StorageServer(BUCKET, host="0.0.0.0") as server:  # noqa: S104  as in its container
        asked = f"localhost:{urlsplit(server.url).port}"
        address = f"http://{asked}/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable&name=a"
        begin = urllib.request.Request(address, data=b"{}", method="POST")
        with urllib.request.urlopen(begin, timeout=10) as answer:  # noqa: S310  the same
            assert urlsplit(answer.headers["Location"]).netloc == asked
