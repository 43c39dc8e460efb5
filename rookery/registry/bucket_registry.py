"""BucketRegistry: a model in Cloud Storage; every write has a precondition."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.auth.exceptions import DefaultCredentialsError
from google.cloud.storage.retry import DEFAULT_RETRY

from rookery.errors import UserError
from rookery.registry.registry import ConflictError, RegistryEntry
from rookery.schemas.artifact import max_bytes
from rookery.worker.models.gcs_source import UNREACHABLE, said
from rookery.worker.storage_client import storage_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rookery.worker.models.source import ModelObject

_CALL: Final[dict[str, Any]] = {"timeout": (5.0, 30.0), "retry": DEFAULT_RETRY.with_timeout(20.0)}
"""A user waits for it, perhaps on a slow link; the library's own timeout is two minutes."""

_ABSENT: Final = "0"
"""The generation of an object that is not there."""


class BucketRegistry:
    """A model object; its history is the prefix `<object>.history/`, so that a bucket needs no versioning."""

    def __init__(self, where: ModelObject) -> None:
        self.address = f"gs://{where.bucket}/{where.name}"
        self._name = where.name
        self._history = f"{where.name}.history/"
        with self._explained():
            self._bucket = storage_client().bucket(where.bucket)

    def live(self) -> RegistryEntry | None:
        """Download the object that is live now; raises UserError."""
        with self._explained():
            blob = self._bucket.get_blob(self._name, **_CALL)
            if blob is None:
                return None
            # Before the download, which sets it from headers that not every server sends.
            generation = str(blob.generation)
            return RegistryEntry(self._download(blob), generation)

    def replace(self, artifact: bytes, *, before: RegistryEntry | None) -> None:
        """Upload over the generation that was read; raises ConflictError where it has changed."""
        self._upload(self._name, artifact, generation=before.version if before else _ABSENT)

    def names(self) -> list[str]:
        """List the prefix."""
        with self._explained():
            found = self._bucket.list_blobs(prefix=self._history, **_CALL)
            return sorted(blob.name.removeprefix(self._history) for blob in found)

    def read(self, name: str) -> bytes:
        """Download an object of the history; raises UserError."""
        with self._explained():
            return self._download(self._bucket.blob(self._history + name))

    def add(self, name: str, artifact: bytes) -> None:
        """Upload where nothing is yet; raises ConflictError."""
        self._upload(self._history + name, artifact, generation=_ABSENT)

    def remove(self, name: str) -> None:
        """Delete an object of the history, if it is there."""
        with self._explained():
            try:
                self._bucket.blob(self._history + name).delete(**_CALL)
            except NotFound:
                return

    def _upload(self, name: str, artifact: bytes, *, generation: str) -> None:
        blob = self._bucket.blob(name)
        with self._explained():
            try:
                blob.upload_from_string(
                    artifact,
                    content_type="application/octet-stream",
                    if_generation_match=int(generation),
                    checksum="crc32c",
                    **_CALL,
                )
            except PreconditionFailed:
                # An attempt whose answer was lost has written it: the retry then finds its own object.
                now = self._bucket.get_blob(name, **_CALL)
                if now is None or self._download(now) != artifact:
                    raise ConflictError(name) from None

    def _download(self, blob: Any) -> bytes:
        content: bytes = blob.download_as_bytes(raw_download=True, end=max_bytes(), **_CALL)
        return content

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DefaultCredentialsError:
            raise UserError(
                "Google Cloud credentials are needed to reach the bucket.",
                hint="`gcloud auth application-default login` gets them; STORAGE_EMULATOR_HOST needs none.",
            ) from None
        except UNREACHABLE as error:
            raise UserError(f"{self.address}: {said(error)}") from error
