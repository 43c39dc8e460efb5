"""Permissions: the IAM permissions of the caller, checked where Cloud Storage checks them.

Source: https://cloud.google.com/storage/docs/access-control/iam-json
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from storage_emulator.objects import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from storage_emulator.faults import Operation

_REQUIRED: Final[Mapping[Operation, str]] = {
    "insert": "storage.objects.create",
    "begin": "storage.objects.create",
    "get": "storage.objects.get",
    "list": "storage.objects.list",
    "delete": "storage.objects.delete",
    "bucket": "storage.buckets.get",
}


class Permissions:
    """The permissions of every caller; all of them until `grant` names some."""

    def __init__(self) -> None:
        """Grant everything."""
        self._granted: frozenset[str] | None = None

    def grant(self, permissions: Iterable[str]) -> None:
        """Grant these permissions and no other."""
        self._granted = frozenset(permissions)

    def check(self, operation: Operation, *, replaces: bool = False) -> None:
        """Raise StorageError (403) unless an operation is allowed; an insert that `replaces` also deletes."""
        required = [_REQUIRED[operation], *(["storage.objects.delete"] if replaces else [])]
        for permission in required:
            if self._granted is not None and permission not in self._granted:
                raise StorageError(HTTPStatus.FORBIDDEN, f"the caller does not have {permission} access")
