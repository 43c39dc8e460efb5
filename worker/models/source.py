"""ModelSource: where a model artifact stands, which version of it stands there, and its bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote

from rookery.schemas.artifact import max_bytes
from rookery.worker.models.regular_file import hold_regular, read_regular

if TYPE_CHECKING:
    import os

BUCKET: Final = "gs://"
_FILE: Final = "file://"
_BUCKET_ADDRESS: Final = re.compile(
    r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/(?P<name>[^#]+)(#(?P<generation>[1-9][0-9]*))?"
)


class ModelAddressError(ValueError):
    """The address is of no kind that a model can stand at; says which would be right."""


class ModelUnreachableError(Exception):
    """The artifact cannot be read now; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """The bytes of an artifact, at most one more than it may have, and the version that they are."""

    artifact: bytes
    version: str


class ModelSource(Protocol):
    """Where a model stands; calls block, and may come from any thread."""

    @property
    def address(self) -> str:
        """The address as the operator wrote it."""

    def version(self) -> str:
        """Name the version that stands there now, without reading it; raises ModelUnreachableError."""

    def fetch(self) -> FetchedModel:
        """Read what stands there now; raises ModelUnreachableError."""


@dataclass(frozen=True, slots=True)
class ModelObject:
    """`gs://bucket/name`, or just one generation of it: `gs://bucket/name#generation`."""

    bucket: str
    name: str
    generation: int | None = None

    @classmethod
    def read(cls, address: str) -> ModelObject:
        """Read an address; raises ModelAddressError."""
        found = _BUCKET_ADDRESS.fullmatch(address)
        if found is None:
            raise ModelAddressError(
                f"{address}: gs://bucket/object or gs://bucket/object#generation is needed"
            )
        generation = int(found["generation"]) if found["generation"] else None
        return cls(found["bucket"], found["name"], generation)


@dataclass(frozen=True, slots=True)
class FileModelSource:
    """A model in a file; its version is the file's identity, size and time of change."""

    path: Path

    @property
    def address(self) -> str:
        """The path."""
        return str(self.path)

    def version(self) -> str:
        """Look at the file without reading it; raises ModelUnreachableError."""
        try:
            status = self.path.stat()
            hold_regular(status)
            return _version(status)
        except OSError as error:
            raise self._unreachable(error) from None

    def fetch(self) -> FetchedModel:
        """Read the file; raises ModelUnreachableError."""
        try:
            # The status of the file that was read: the path may name another one by now.
            artifact, status = read_regular(self.path, max_bytes() + 1)
            return FetchedModel(artifact, _version(status))
        except OSError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: OSError) -> ModelUnreachableError:
        return ModelUnreachableError(f"model {self.path} cannot be read: {error.strerror}")


def _version(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def file_path(address: str) -> Path | None:
    """Return the path that an address names, None where it names something else."""
    if address.startswith(_FILE):
        return Path(unquote(address.removeprefix(_FILE)))
    return None if "://" in address else Path(address)
