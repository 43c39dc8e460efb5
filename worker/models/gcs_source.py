"""GcsModelSource: a model in Cloud Storage."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import requests
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from rookery.schemas.artifact import max_bytes
from rookery.worker.models.source import BUCKET, FetchedModel, ModelUnreachableError
from rookery.worker.storage_client import storage_client

if TYPE_CHECKING:
    from google.cloud.storage import Client

    from rookery.worker.models.source import ModelObject

_SECONDS: Final = 2.0
_RETRY: Final = DEFAULT_RETRY.with_timeout(5.0).with_delay(initial=0.1, maximum=1.0, multiplier=2.0)
CALL: Final[dict[str, Any]] = {"timeout": (_SECONDS, _SECONDS), "retry": _RETRY}
"""How long one call and its retries may take: a start or a drain must not wait for the library's minutes."""

_SAID_CHARACTERS: Final = 160

UNREACHABLE: Final = (
    GoogleAPIError,
    GoogleAuthError,
    DataCorruption,
    InvalidResponse,
    requests.RequestException,
    OSError,
)
"""Exceptions of the library where the service, the network or the credentials fail."""


class GcsModelSource:
    """A model object; its version is the object's generation. Honours STORAGE_EMULATOR_HOST."""

    def __init__(self, where: ModelObject) -> None:
        """Store the address; the client is made with the first call."""
        self._where = where

    @property
    def address(self) -> str:
        """The address, with its generation where it has one."""
        where = self._where
        pinned = f"#{where.generation}" if where.generation else ""
        return f"{BUCKET}{where.bucket}/{where.name}{pinned}"

    def version(self) -> str:
        """Ask for the live object's generation, or for the pinned one's; raises ModelUnreachableError."""
        return str(self._look().generation)

    def fetch(self) -> FetchedModel:
        """Download the object; raises ModelUnreachableError."""
        blob = self._look()
        # A download sets the blob's generation from its headers, which not every server sends.
        generation = blob.generation
        # A range that is longer than the object is fine; an object that grew beyond all bounds is not read whole.
        read = {"raw_download": True, "end": max_bytes(), "if_generation_match": generation}
        try:
            artifact = blob.download_as_bytes(**read, **CALL)
        except UNREACHABLE as error:
            raise self._unreachable(error) from None
        return FetchedModel(artifact, str(generation))

    @cached_property
    def _client(self) -> Client:
        return storage_client()

    def _look(self) -> Any:
        where = self._where
        try:
            blob = self._client.bucket(where.bucket).get_blob(where.name, generation=where.generation, **CALL)
        except UNREACHABLE as error:
            raise self._unreachable(error) from None
        if blob is None:
            raise self._unreachable(NotFound("there is no such object"))  # type: ignore[no-untyped-call]  # the library's
        return blob

    def _unreachable(self, error: Exception) -> ModelUnreachableError:
        return ModelUnreachableError(f"model {self.address} cannot be read: {said(error)}")


def said(error: Exception) -> str:
    """Return what the library or the service said, on one line; of tries in vain also what the last one met."""
    last = getattr(error, "cause", None)
    words = " ".join(str(getattr(error, "message", None) or error).split()) or type(error).__name__
    return f"{words} ({said(last)[-_SAID_CHARACTERS:]})" if isinstance(last, Exception) else words
