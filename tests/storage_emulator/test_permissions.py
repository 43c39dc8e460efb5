"""The strict storage server's permissions, seen through Google's own client: each operation needs what Google asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import Forbidden, PreconditionFailed
from google.cloud.storage import Client

from tests.conftest import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from storage_emulator.server import StorageServer


@pytest.fixture
def client(strict: StorageServer) -> Iterator[Client]:  # noqa: ARG001  its address is in the environment
    made = Client()
    yield made
    made.close()


OPERATIONS: dict[str, Callable[[Client], object]] = {
    "storage.objects.create": lambda client: client.bucket(BUCKET).blob("new").upload_from_string("1"),
    "storage.objects.delete": lambda client: client.bucket(BUCKET).blob("there").delete(),
    "storage.objects.get": lambda client: client.bucket(BUCKET).blob("there").exists(),
    "storage.objects.list": lambda client: list(client.list_blobs(BUCKET)),
    "storage.buckets.get": lambda client: client.get_bucket(BUCKET),
}


@pytest.mark.parametrize("permission", OPERATIONS)
def test_an_operation_needs_its_permission(client: Client, strict: StorageServer, permission: str) -> None:
    """Each operation is allowed with its permission alone, and 403 with all others."""
    client.bucket(BUCKET).blob("there").upload_from_string("0")
    strict.permissions.grant(OPERATIONS.keys() - {permission})
    with pytest.raises(Forbidden, match=permission):
        OPERATIONS[permission](client)
    strict.permissions.grant({permission})
    OPERATIONS[permission](client)


def test_an_existing_name_needs_the_right_to_delete_before_its_precondition(
    client: Client, strict: StorageServer
) -> None:
    """A conditional upload to an existing name is 412 with `storage.objects.delete`, and 403 without it."""
    client.bucket(BUCKET).blob("there").upload_from_string("0")
    strict.permissions.grant({"storage.objects.create"})
    with pytest.raises(Forbidden, match=r"storage\.objects\.delete"):
        client.bucket(BUCKET).blob("there").upload_from_string("1", if_generation_match=0)
    strict.permissions.grant({"storage.objects.create", "storage.objects.delete"})
    with pytest.raises(PreconditionFailed):
        client.bucket(BUCKET).blob("there").upload_from_string("1", if_generation_match=0)
