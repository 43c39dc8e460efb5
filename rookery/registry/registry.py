"""ModelRegistry: one live model under an address, with the history of former ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rookery.errors import UserError
from rookery.schemas.atomic_file import replacing
from rookery.worker.models.source import (
    FileModelSource,
    ModelUnreachableError,
)

if TYPE_CHECKING:
    from pathlib import Path


class ConflictError(Exception):
    """Another writer changed the registry meanwhile; nothing was overwritten."""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """The live model at an address, and its version."""

    artifact: bytes
    version: str


class ModelRegistry(Protocol):
    """One live model and its history, a folder of artifacts by name; every call may raise UserError."""

    @property
    def address(self) -> str:
        """The live model's address."""

    def live(self) -> RegistryEntry | None:
        """Read the live model, None where there is none yet."""

    def replace(self, artifact: bytes, *, before: RegistryEntry | None) -> None:
        """Make an artifact the live one; raises ConflictError where the live model is no longer `before`."""

    def names(self) -> list[str]:
        """The names in the history, sorted."""

    def read(self, name: str) -> bytes:
        """Read an artifact of the history."""

    def add(self, name: str, artifact: bytes) -> None:
        """Put an artifact into the history; raises ConflictError where the name is taken."""

    def remove(self, name: str) -> None:
        """Take an artifact out of the history."""


class FolderRegistry:
    """A model in a file; its history is the folder `<file>.history` beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._history = path.with_name(f"{path.name}.history")

    @property
    def address(self) -> str:
        """The path."""
        return str(self._path)

    def live(self) -> RegistryEntry | None:
        """Read the file; raises UserError."""
        if not self._path.exists():
            return None
        try:
            fetched = FileModelSource(self._path).fetch()
        except ModelUnreachableError as error:
            raise UserError(str(error)) from None
        return RegistryEntry(fetched.artifact, fetched.version)

    def replace(self, artifact: bytes, *, before: RegistryEntry | None) -> None:
        """Write a new file and rename it over the old one, so that a reader finds either whole."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as unfinished:
                unfinished.write_bytes(artifact)
                now = self.live()
                if (now and now.version) != (before and before.version):
                    raise ConflictError(self.address)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def names(self) -> list[str]:
        """List the folder."""
        return sorted(path.name for path in self._history.iterdir()) if self._history.is_dir() else []

    def read(self, name: str) -> bytes:
        """Read a file of the folder; raises UserError."""
        try:
            return FileModelSource(self._history / name).fetch().artifact
        except ModelUnreachableError as error:
            raise UserError(str(error)) from None

    def add(self, name: str, artifact: bytes) -> None:
        """Write a file that is not there yet; raises ConflictError or UserError."""
        try:
            self._history.mkdir(parents=True, exist_ok=True)
            with (self._history / name).open("xb") as file:
                file.write(artifact)
        except FileExistsError:
            raise ConflictError(name) from None
        except OSError as error:
            raise _unwritable(self._history / name, error) from error

    def remove(self, name: str) -> None:
        """Delete a file of the folder; raises UserError."""
        try:
            (self._history / name).unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self._history / name, error) from error


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be written: {error.strerror}")
