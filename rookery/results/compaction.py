"""Compaction: the many small files of an hour that is over, as few large ones.

The merged file is whole and durable before the first of the others is deleted, so that a reader finds every line at
any time. Where the compaction is killed in between, some lines are duplicates; readers skip them.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from rookery.schemas.output.parquet_lines import merged_columns
from rookery.schemas.output.permissions import PRIVATE, opener
from rookery.schemas.segment import OPEN, PARQUET, SUFFIX, result_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

SMALL_BYTES: Final = 64 * 1024 * 1024
"""A file of this size is left alone; merged files grow up to it."""

GRACE: Final = timedelta(minutes=15)
"""How long after its end an hour may still get late writes."""

_HOUR: Final = re.compile(r"date=(\d{4}-\d{2}-\d{2})/hour=(\d{2})(?:/|$)")
_MERGED: Final = "compact-"


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """A finished file: its name below the location, its size, and its version in a bucket."""

    name: str
    size: int
    version: int = 0


@dataclass(frozen=True, slots=True)
class CompactionSummary:
    """How many files became how many."""

    before: int
    after: int


class CompactionTarget(Protocol):
    """The location of the files; every call may raise OSError."""

    def pieces(self) -> Iterable[ResultsFile]:
        """Every finished file, sorted by name."""

    def read(self, piece: ResultsFile) -> bytes:
        """Its lines, unpacked; of a Parquet file the file."""

    def add(self, folder: str, content: bytes, suffix: str) -> str:
        """Write a file that is named after its content, durably; returns its name. Raises OSError where it is not there then."""

    def remove(self, piece: ResultsFile) -> None:
        """Delete a file, if it is still the one that was read."""


def compact(
    target: CompactionTarget, *, now: datetime | None = None, dry_run: bool = False
) -> CompactionSummary:
    """Merge the small files of every hour that is over."""
    moment = now or datetime.now(UTC)
    before = after = 0
    for group in _groups(target.pieces(), moment):
        before += len(group)
        after += 1
        if not dry_run:
            _merge(target, group)
    return CompactionSummary(before=before, after=after)


def _groups(pieces: Iterable[ResultsFile], now: datetime) -> Iterator[list[ResultsFile]]:
    """Small files of one closed hour that go together; never a single one."""
    hours: dict[tuple[str, str], list[ResultsFile]] = {}
    for piece in pieces:
        folder = piece.name.rpartition("/")[0]
        if piece.size < SMALL_BYTES and _closed(folder, now):
            # Lines and columns each with their like.
            hours.setdefault((folder, PurePath(piece.name).suffix), []).append(piece)
    for found in hours.values():
        group, size = list[ResultsFile](), 0
        for piece in found:
            if group and size + piece.size > SMALL_BYTES:
                if len(group) > 1:
                    yield group
                group, size = [], 0
            group.append(piece)
            size += piece.size
        if len(group) > 1:
            yield group


def _closed(folder: str, now: datetime) -> bool:
    hour = _HOUR.search(folder)
    if hour is None:
        return False
    began = datetime.fromisoformat(f"{hour[1]}T{hour[2]}:00:00+00:00")
    return now >= began + timedelta(hours=1) + GRACE


def _merge(target: CompactionTarget, group: Sequence[ResultsFile]) -> None:
    contents = [target.read(piece) for piece in group]
    folder = group[0].name.rpartition("/")[0]
    if group[0].name.endswith(PARQUET):
        merged = target.add(folder, merged_columns(contents), PARQUET)
    else:
        # Lines that an earlier compaction left twice are written once.
        lines = dict.fromkeys(line for content in contents for line in content.splitlines(keepends=True))
        merged = target.add(folder, b"".join(lines), SUFFIX)
    for piece in group:
        if piece.name != merged:
            target.remove(piece)


class FolderTarget:
    """A folder of segments; those that are still appended to are left alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def pieces(self) -> Iterator[ResultsFile]:
        """The sealed segments."""
        for path in result_files(self._root):
            if not path.name.startswith(OPEN):
                yield ResultsFile(name=path.relative_to(self._root).as_posix(), size=path.stat().st_size)

    def read(self, piece: ResultsFile) -> bytes:
        """Read a segment."""
        return (self._root / piece.name).read_bytes()

    def add(self, folder: str, content: bytes, suffix: str) -> str:
        """Write, sync, rename, sync the folder's names."""
        name = f"{_MERGED}{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
        target = self._root / folder / name
        unfinished = target.with_name(f".{name}.{os.getpid()}")
        # As many may read the whole as may read its folder, and what it is merged from.
        mode = PRIVATE | target.parent.stat().st_mode & 0o066
        with open(unfinished, "wb", opener=opener(mode)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
        descriptor = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        # The merged segments are deleted next: the folder may have been removed or unmounted meanwhile.
        if target.stat().st_size != len(content):
            raise OSError(errno.ESTALE, "it is no longer there as it was written", str(target))
        return f"{folder}/{name}"

    def remove(self, piece: ResultsFile) -> None:
        """Delete a segment."""
        (self._root / piece.name).unlink(missing_ok=True)


class BucketTarget:
    """A prefix of a bucket, `gs://bucket/prefix`; every write and deletion has its precondition."""

    def __init__(self, uri: str, client: Any) -> None:
        parts = urlsplit(uri)
        self._bucket = client.bucket(parts.netloc)
        self._prefix = f"{unquote(parts.path).strip('/')}/".lstrip("/")

    def pieces(self) -> Iterator[ResultsFile]:
        """The objects."""
        found = sorted(self._bucket.list_blobs(prefix=self._prefix), key=lambda blob: str(blob.name))
        for blob in found:
            if blob.name.endswith((f"{SUFFIX}.gz", PARQUET)):
                yield ResultsFile(name=blob.name, size=blob.size, version=blob.generation)

    def read(self, piece: ResultsFile) -> bytes:
        """Download an object as it was when it was listed."""
        blob = self._bucket.blob(piece.name)
        content: bytes = blob.download_as_bytes(raw_download=True, if_generation_match=piece.version)
        return content if piece.name.endswith(PARQUET) else gzip.decompress(content)

    def add(self, folder: str, content: bytes, suffix: str) -> str:
        """Upload where nothing is yet; where the same content is already, it is there."""
        from google.api_core.exceptions import PreconditionFailed  # noqa: PLC0415  half a second that folders save

        columns = suffix == PARQUET
        name = (
            f"{folder}/{_MERGED}{hashlib.sha256(content).hexdigest()[:16]}{suffix}{'' if columns else '.gz'}"
        )
        blob = self._bucket.blob(name)
        try:
            packed = content if columns else gzip.compress(content, mtime=0)
            kind = "application/vnd.apache.parquet" if columns else "application/gzip"
            blob.upload_from_string(packed, content_type=kind, if_generation_match=0, checksum="crc32c")
        except PreconditionFailed:
            # The object must be read back: a 412 alone proves nothing durable.
            if not blob.exists():
                raise OSError(
                    errno.ESTALE, "Cloud Storage answered 412 for an object that does not exist", name
                ) from None
        return name

    def remove(self, piece: ResultsFile) -> None:
        """Delete the very version that was read."""
        from google.api_core.exceptions import NotFound, PreconditionFailed  # noqa: PLC0415  as above

        try:
            self._bucket.blob(piece.name).delete(if_generation_match=piece.version)
        except (NotFound, PreconditionFailed):
            return
