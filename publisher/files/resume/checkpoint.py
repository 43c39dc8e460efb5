"""Checkpoint: how far a file was published, kept beside it, so that a run that was killed can go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from rookery.publisher.errors import ResumeError
from rookery.schemas.atomic_file import write_atomically
from rookery.schemas.output.permissions import file_mode

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.publisher.files.source import FileSource

SUFFIX: Final = ".checkpoint"


class Checkpoint(BaseModel):
    """Every row before `offset` bytes (`row` rows) has a message id or stands in the first `rejected_bytes` of the bad rows.

    `digest12` and `options` say which readings these were: others must not be taken for them. `rejected_sha256` is
    that of those bytes, for they may have been fixed meanwhile.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    digest12: str
    options: dict[str, str]
    offset: int
    row: int
    rejected_bytes: int = 0
    rejected_sha256: str = ""
    bad_rows: int = 0

    def save(self, path: Path) -> None:
        """Put it in the place of an older one, on the disk when this returns; raises OSError."""
        write_atomically(path, self.model_dump_json(indent=2).encode(), sync=True, mode=file_mode())

    def check(self, name: str, *, digest12: str, options: dict[str, str]) -> None:
        """Raise ResumeError where it is not of this file, or of a run with other options."""
        if self.digest12 != digest12:
            raise ResumeError(f"{name} has changed since; without --resume it is sent from its first row")
        if self.options != options:
            given = ", ".join(f"--{key} {said}" for key, said in self.options.items() if said) or "no options"
            raise ResumeError(
                f"{name} was begun with {given}; resume it so, or without --resume from its first row"
            )


def checkpoint_path(source: FileSource) -> Path:
    """Where a file's checkpoint is."""
    return source.beside.with_name(source.beside.name + SUFFIX)


def load(source: FileSource) -> Checkpoint | None:
    """Read a file's checkpoint, None where there is none; raises ResumeError where it is damaged, and OSError."""
    path = checkpoint_path(source)
    try:
        return Checkpoint.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ResumeError(
            f"{path} is no checkpoint; without --resume the file is sent from its first row"
        ) from error
