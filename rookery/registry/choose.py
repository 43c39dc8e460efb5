"""The choice of a registry by a model's address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.errors import UserError
from rookery.registry.registry import FolderRegistry
from rookery.worker.models.source import BUCKET, ModelObject, file_path

if TYPE_CHECKING:
    from rookery.registry.registry import ModelRegistry


def registry_of(address: str) -> ModelRegistry:
    """Choose the registry for a path or `gs://bucket/object`; raises BadModelAddress, or UserError for one generation."""
    if address.startswith(BUCKET):
        where = ModelObject.read(address)
        if where.generation:
            raise UserError(
                f"{address} is one generation, which never changes.", hint="Leave #generation away."
            )
        from rookery.registry.bucket_registry import BucketRegistry  # noqa: PLC0415  half a second that files save

        return BucketRegistry(where)
    path = file_path(address)
    if path is None:
        raise UserError(f"{address}: a path or gs://bucket/object is needed.")
    return FolderRegistry(path)
