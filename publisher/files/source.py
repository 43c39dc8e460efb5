"""FileSource: a file of rows, wherever it lies and however it is packed, as one stream of plain bytes.

Content of standard input or of a bucket is first put on the local disk: its identity is its content,
which must be known before the first row leaves, and a run that was ended can go on.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, Final

from rookery.publisher.errors import BadFileError
from rookery.publisher.files.packing.unpacked import DAMAGED, ManyFilesError, unpacked
from rookery.schemas.rejection import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STDIN: Final = "-"
BUCKET: Final = "gs://"
REJECTED: Final = ".rejected.csv"
"""How the name of a file of bad rows ends; a pattern never means such a file."""

_PIECE: Final = 1 << 20
_MAGIC: Final = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class FileSource:
    """One file: `path` holds its bytes, `beside` is the path that its companions are named after."""

    name: str
    path: Path
    beside: Path

    @classmethod
    def of(cls, path: Path) -> FileSource:
        """A file of the local disk."""
        return cls(name=path.name, path=path, beside=path)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the unpacked bytes; raises OSError, and BadFileError where they are packed wrongly."""
        with self.path.open("rb") as raw, self._explained(), contextlib.closing(unpacked(raw)) as plain:
            yield plain

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ManyFilesError as error:
            raise BadFileError(self.name, Reason(field="file", rule=str(error))) from error
        except DAMAGED as error:
            reason = Reason(field="file", rule=f"it is damaged: {error}")
            raise BadFileError(self.name, reason) from error
        except OSError as error:
            if error.errno is not None:
                raise
            # So bz2 says that its data are none.
            reason = Reason(field="file", rule=f"it is damaged: {error}")
            raise BadFileError(self.name, reason) from error


@contextmanager
def sources(addresses: Sequence[str], beside: Path | None = None) -> Iterator[list[FileSource]]:
    """Find the files that paths, patterns, `-` and gs:// addresses mean, in that order; `beside` is a folder.

    What is not on the local disk is fetched for as long as this is open. Raises FileNotFoundError for what
    means no file, and OSError.
    """
    with tempfile.TemporaryDirectory(prefix="rookery-") as folder:
        found = [each for address in addresses for each in _found(address, Path(folder))]
        if beside is not None:
            found = [
                FileSource(name=each.name, path=each.path, beside=beside / each.beside.name) for each in found
            ]
        # A file that was named twice is sent once.
        found = list(dict.fromkeys(found))
        _check_companions(found)
        yield found


def _check_companions(found: Sequence[FileSource]) -> None:
    taken: dict[Path, FileSource] = {}
    for each in found:
        other = taken.setdefault(each.beside, each)
        if other is not each:
            raise FileExistsError(
                17, "another file of that name would keep its bad rows in the same place", each.name
            )


def _found(address: str, folder: Path) -> Iterator[FileSource]:
    if address == STDIN:
        yield _kept("stdin", sys.stdin.buffer, folder)
    elif address.startswith(BUCKET):
        yield from _fetched(address, folder)
    else:
        for path in _paths(address):
            yield FileSource.of(path)


def _paths(address: str) -> list[Path]:
    path = Path(address)
    if path.exists() or not glob.has_magic(address):
        if path.is_file():
            return [path]
        raise FileNotFoundError(2, "it is a folder" if path.is_dir() else "there is no such file", address)
    matched = [Path(each) for each in sorted(glob.glob(address, recursive=True))]  # noqa: PTH207  absolute patterns too
    files = [each for each in matched if each.is_file() and not each.name.endswith(REJECTED)]
    if not files:
        raise FileNotFoundError(2, "no file has such a name", address)
    return files


def _kept(name: str, stream: IO[bytes], folder: Path) -> FileSource:
    path = folder / name
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, _PIECE)
    return FileSource(name=name, path=path, beside=Path(name))


def _fetched(address: str, folder: Path) -> Iterator[FileSource]:
    from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415  an extra of its own
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  the same
    from google.cloud.storage import Client  # noqa: PLC0415  the same

    bucket, _, name = address.removeprefix(BUCKET).partition("/")
    try:
        found = Client().list_blobs(bucket, prefix=_MAGIC.split(name)[0])
        blobs = sorted((blob for blob in found if _meant(blob.name, name)), key=lambda blob: str(blob.name))
        if not blobs:
            raise FileNotFoundError(2, "no object has such a name", address)
        for number, blob in enumerate(blobs):
            path = folder / str(number)
            blob.download_to_filename(str(path), raw_download=True)
            beside = Path(PurePosixPath(blob.name).name)
            yield FileSource(name=f"{BUCKET}{bucket}/{blob.name}", path=path, beside=beside)
    except (GoogleAPICallError, GoogleAuthError) as error:
        raise OSError(5, " ".join(str(error).split()), address) from error


def _meant(name: str, pattern: str) -> bool:
    """Whether a pattern means an object; what it is called alone always does."""
    return name == pattern or (fnmatch.fnmatchcase(name, pattern) and not name.endswith(REJECTED))
