"""GcsSink: blocks as gzipped NDJSON objects in Cloud Storage, by day and hour."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from rookery.schemas.segment import PARQUET, hour_of
from rookery.worker.encoding.fixed_width import Pieces, joined
from rookery.worker.encoding.parquet_files import parquet_files
from rookery.worker.sinks.protocol import SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rookery.worker.sinks.protocol import LineBlock

CONTENT_TYPE: Final = "application/gzip"
"""Without a Content-Encoding: no proxy unpacks the object, checksums and sizes stay those of what is
stored, and BigQuery reads it as NEWLINE_DELIMITED_JSON with compression GZIP."""

PARQUET_TYPE: Final = "application/vnd.apache.parquet"

_COLUMNS: Final = {"format": "PARQUET"}

PROBE: Final = ".rookery-probe"
"""The name of an object that is never made."""

_LEVEL: Final = 1
"""Of gzip: the lines shrink to a seventh; the best level takes five times as long for a tenth less."""

_ATTEMPTS: Final = 3
"""How often a server that does not answer is asked within the time of one write."""

_PAUSE_SECONDS: Final = 0.05
"""Between attempts where the server contradicts itself."""

_ABSENT: Final = 0
"""The generation of an object that is not there."""


class GcsSink:
    """One object a block, written only where it is absent, with the standard client in threads of its own.

    An object is named after the messages that it answers: a write whose answer was lost, or a redelivered batch,
    finds its object there and writes nothing. STORAGE_EMULATOR_HOST is honoured.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        write_timeout_seconds: float,
        connections: int = 4,
        parquet: bool = False,
    ) -> None:
        """Store where to write, how long one write may take with all its retries, and whether predictions come in columns."""
        self._parquet = parquet
        self._bucket_name = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._write_timeout_seconds = write_timeout_seconds
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="storage")
        self._client: Any = None

    @property
    def address(self) -> str:
        """Where the sink writes, as it was configured."""
        return f"gs://{self._bucket_name}/{self._prefix}".rstrip("/")

    async def open(self) -> None:
        """Make the client; raises SinkUnavailableError without credentials. Nothing is sent before the first block."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._open)

    async def write(self, block: LineBlock) -> None:
        """Return when the block's object is durable; raises SinkUnavailableError."""
        # By the hour of publication: in another hour a second delivery must still find its object.
        hour = hour_of(block.published_at or block.written_at)
        name = f"{self._prefix}{hour}/{block.key}"
        await self._in_time(
            asyncio.get_running_loop().run_in_executor(self._threads, self._write, name, block)
        )

    async def _in_time(self, call: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._write_timeout_seconds):
                await call
        except TimeoutError:
            raise SinkUnavailableError(
                f"{self.address}: no answer within {self._write_timeout_seconds:g} s"
            ) from None

    async def probe(self) -> None:
        """Begin to upload an object and give it up, which takes what a write does and leaves none; raises SinkUnavailableError."""
        await self._in_time(asyncio.get_running_loop().run_in_executor(self._threads, self._probe))

    async def close(self) -> None:
        """Let the threads end; a write that hangs ends by its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    def _open(self) -> None:
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  loaded only where it is used

        from rookery.worker.storage_client import storage_client  # noqa: PLC0415  loaded only where it is used

        try:
            self._client = storage_client()
        except (GoogleAuthError, OSError) as error:
            raise SinkUnavailableError(f"{self.address}: {error}") from error

    def _write(self, name: str, block: LineBlock) -> None:
        until = time.monotonic() + self._write_timeout_seconds
        if self._parquet:
            # Two contracts, in the moment of a swap, are two objects.
            for nth, content in enumerate(parquet_files(block.lines)):
                self._upload(f"{name}{f'-{nth}' if nth else ''}{PARQUET}", content, _COLUMNS, until)
            return
        metadata = {"lines": str(len(block.lines)), "format": "NEWLINE_DELIMITED_JSON"}
        self._upload(f"{name}.ndjson.gz", _gzipped(block.lines), metadata, until)

    def _upload(self, name: str, content: bytes, metadata: dict[str, str], until: float) -> None:
        blob = self._client.bucket(self._bucket_name).blob(name)
        blob.metadata = metadata
        with self._unavailable():
            while not self._there(blob, content):
                if time.monotonic() > until:
                    raise SinkUnavailableError(f"{self.address}: says that {name} is there, and it is not")
                time.sleep(_PAUSE_SECONDS)

    def _probe(self) -> None:
        import requests  # noqa: PLC0415  loaded only where it is used

        blob = self._client.bucket(self._bucket_name).blob(f"{self._prefix}{PROBE}")
        with self._unavailable():
            session = blob.create_resumable_upload_session(content_type=CONTENT_TYPE, **self._call())
            # An upload that is not ended makes no object; Cloud Storage forgets it in any case, after a week.
            with contextlib.suppress(requests.RequestException):
                requests.delete(session, headers={"Content-Length": "0"}, timeout=self._write_timeout_seconds)

    @contextmanager
    def _unavailable(self) -> Iterator[None]:
        """Let what the library raises be SinkUnavailableError."""
        from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415  loaded only where it is used
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  loaded only where it is used
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse  # noqa: PLC0415  the same
        from requests import RequestException  # noqa: PLC0415  the same

        try:
            yield
        except (GoogleAPIError, GoogleAuthError, DataCorruption, InvalidResponse, RequestException) as error:
            raise SinkUnavailableError(f"{self.address}: {error}") from error

    def _there(self, blob: Any, content: bytes) -> bool:
        """Write the object unless it is there; gives whether it is."""
        from google.api_core.exceptions import PreconditionFailed  # noqa: PLC0415  loaded only where it is used

        call = self._call()
        try:
            kind = PARQUET_TYPE if self._parquet else CONTENT_TYPE
            blob.upload_from_string(
                content, content_type=kind, if_generation_match=_ABSENT, checksum="crc32c", **call
            )
        except PreconditionFailed:
            # Seen is believed: an answer of 412 alone does not make anything durable.
            return bool(blob.exists(**call))
        return True

    def _call(self) -> dict[str, Any]:
        """Retry and timeouts of one call: its own default would hang on for two minutes."""
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415  loaded only where it is used

        seconds = self._write_timeout_seconds
        return {
            "timeout": (seconds / _ATTEMPTS, seconds / _ATTEMPTS),
            "retry": DEFAULT_RETRY.with_delay(initial=0.05, maximum=1.0, multiplier=2.0).with_timeout(
                seconds
            ),
        }


def _gzipped(lines: Sequence[bytes]) -> bytes:
    """Pack lines a piece after the other: a hundred megabytes of them take ten or twenty."""
    content = joined(lines)
    packed = BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=_LEVEL, mtime=0) as file:
        for piece in content if isinstance(content, Pieces) else (content,):
            file.write(piece)
    return packed.getvalue()
