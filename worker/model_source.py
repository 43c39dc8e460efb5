"""ModelSource: where a model artifact stands, which version of it stands there, and its bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote

from schemas.artifact import MAX_BYTES
from worker.regular_file import hold_regular, read_regular

if TYPE_CHECKING:
    import os

BUCKET: Final = "gs://"
_FILE: Final = "file://"
_BUCKET_ADDRESS: Final = re.compile(
    r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/(?P<name>[^#]+)(#(?P<generation>[1-9][0-9]*))?"
)


class BadModelAddress(ValueError):  # noqa: N818  it reads as what it says of the address
    """The address is of no kind that a model can stand at; says which would be right."""


class ModelUnreachable(Exception):  # noqa: N818  it reads as what it says of the model
    """The artifact could not be looked at now; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes of an artifact, at most one more than it may have, and the version that they are."""

    artifact: bytes
    version: str


class ModelSource(Protocol):
    """Where a model stands; calls block, and may come from any thread."""

    @property
    def address(self) -> str:
        """The address as the operator wrote it."""

    def version(self) -> str:
        """Name the version that stands there now, without reading it; raises ModelUnreachable."""

    def fetch(self) -> Fetched:
        """Read what stands there now; raises ModelUnreachable."""


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """`gs://bucket/name`, or just one generation of it: `gs://bucket/name#generation`."""

    bucket: str
    name: str
    generation: int | None = None

    @classmethod
    def read(cls, address: str) -> BucketAddress:
        """Read an address; raises BadModelAddress."""
        found = _BUCKET_ADDRESS.fullmatch(address)
        if found is None:
            raise BadModelAddress(f"{address}: gs://bucket/object or gs://bucket/object#generation is needed")
        generation = int(found["generation"]) if found["generation"] else None
        return cls(found["bucket"], found["name"], generation)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A model in a file; its version is the file's identity, size and time of change."""

    path: Path

    @property
    def address(self) -> str:
        """The path."""
        return str(self.path)

    def version(self) -> str:
        """Look at the file without reading it; raises ModelUnreachable."""
        try:
            status = self.path.stat()
            hold_regular(status)
            return _version(status)
        except OSError as error:
            raise self._unreachable(error) from None

    def fetch(self) -> Fetched:
        """Read the file; raises ModelUnreachable."""
        try:
            # The status of the file that was read: the path may name another one by now.
            artifact, status = read_regular(self.path, MAX_BYTES + 1)
            return Fetched(artifact, _version(status))
        except OSError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: OSError) -> ModelUnreachable:
        return ModelUnreachable(f"model {self.path} cannot be read: {error.strerror}")


def _version(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def file_path(address: str) -> Path | None:
    """Return the path that an address names, None where it names something else."""
    if address.startswith(_FILE):
        return Path(unquote(address.removeprefix(_FILE)))
    return None if "://" in address else Path(address)


def source_of(address: str) -> ModelSource:
    """Choose the source for a path, `file:///path` or `gs://bucket/object[#generation]`; raises BadModelAddress."""
    if address.startswith(BUCKET):
        from worker.bucket_model import BucketSource  # noqa: PLC0415  half a second that a worker with a file saves

        return BucketSource(BucketAddress.read(address))
    path = file_path(address)
    if path is None or not address:
        raise BadModelAddress(f"{address or 'nothing'}: a path or gs://bucket/object[#generation] is needed")
    return FileSource(path)
