"""ResultsBucket: read back what a worker made durable in Cloud Storage, each reading once."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, Generic
from urllib.parse import unquote, urlsplit

from rookery.load.accounting.folder_results import Line, deduplicated, parsed
from rookery.schemas.output.parquet_lines import parquet_lines
from rookery.schemas.segment import PARQUET, SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator


class ResultsBucket(Generic[Line]):
    """The lines of every object below a prefix, as lines of one kind.

    `where` is `gs://bucket/prefix`; `client` a `google.cloud.storage.Client`. Delivery is at least once:
    iterating gives each reading once, `every()` gives each line, `fresh()` what is new.
    """

    def __init__(self, where: str, kind: type[Line], *, client: Any) -> None:
        """Store the place; nothing is read yet."""
        parts = urlsplit(where)
        self._bucket = parts.netloc
        self._prefix = f"{unquote(parts.path).strip('/')}/".lstrip("/")
        self._kind: type[Line] = kind
        self._client = client
        self._read: set[str] = set()

    def __iter__(self) -> Iterator[Line]:
        return deduplicated(self.every())

    def every(self) -> Iterator[Line]:
        """Yield every line of every object, repetitions included."""
        for blob in self._objects():
            yield from self._lines(blob)

    def fresh(self) -> Iterator[Line]:
        """Yield every line of the objects that were not there when `fresh` was last asked."""
        for blob in self._objects():
            if blob.name not in self._read:
                self._read.add(blob.name)
                yield from self._lines(blob)

    def _objects(self) -> Iterator[Any]:
        found = self._client.list_blobs(self._bucket, prefix=self._prefix)
        return (blob for blob in found if blob.name.endswith((SUFFIX, f"{SUFFIX}.gz", PARQUET)))

    def _lines(self, blob: Any) -> Iterator[Line]:
        content = blob.download_as_bytes(raw_download=True)
        # A Cloud Storage subscription to the result topic writes its files uncompressed.
        if blob.name.endswith(PARQUET):
            content = parquet_lines(content)
        content = gzip.decompress(content) if blob.name.endswith(".gz") else content
        for number, line in enumerate(content.splitlines(), start=1):
            yield parsed(self._kind, line, f"gs://{self._bucket}/{blob.name}, line {number},")
