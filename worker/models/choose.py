"""The choice of a model's source by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery.worker.models.source import BUCKET, FileModelSource, ModelAddressError, ModelObject, file_path

if TYPE_CHECKING:
    from rookery.worker.models.source import ModelSource


def source_of(address: str) -> ModelSource:
    """Choose the source for a path, `file:///path` or `gs://bucket/object[#generation]`; raises ModelAddressError."""
    if address.startswith(BUCKET):
        from rookery.worker.models.gcs_source import GcsModelSource  # noqa: PLC0415  half a second that a worker with a file saves

        return GcsModelSource(ModelObject.read(address))
    path = file_path(address)
    if path is None or not address:
        raise ModelAddressError(
            f"{address or 'nothing'}: a path or gs://bucket/object[#generation] is needed"
        )
    return FileModelSource(path)
