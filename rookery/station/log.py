"""StationLog: the lines of all programs in one log, on standard error and in a file that is rotated."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Final, Self, TextIO, cast

from rookery.errors import UserError
from rookery.schemas.output.permissions import opener
from rookery.worker.observability.log_handler import LogHandler

if TYPE_CHECKING:
    from io import TextIOWrapper
    from pathlib import Path

STATION: Final = "station"
"""The name before the supervisor's own lines."""

FILE_BYTES: Final = 10_000_000
FORMER_FILES: Final = 5
_TIMED: Final = "%(asctime)s.%(msecs)03dZ %(message)s"


class StationLog:
    """Writes lines as `NAME: TEXT`; a context manager. JSON in a line stays as it is.

    The file has the time (UTC) before each line. It is followed by a new one at FILE_BYTES, and FORMER_FILES of them
    are kept. A full disk or a reader that hangs costs lines, and blocks no program. Raises UserError on entering where
    the file cannot be written.
    """

    def __init__(self, path: Path, *, stream: TextIO | None = None) -> None:
        self._path = path
        self._stream = stream
        self._handlers: tuple[logging.Handler, ...] = ()

    def __enter__(self) -> Self:
        try:
            file = _LogFile(self._path, maxBytes=FILE_BYTES, backupCount=FORMER_FILES, encoding="utf-8")
        except OSError as error:
            raise UserError(f"The log {self._path} cannot be written: {error.strerror}.") from None
        form = logging.Formatter(_TIMED, datefmt="%Y-%m-%dT%H:%M:%S")
        form.converter = time.gmtime
        file.setFormatter(form)
        self._handlers = (file, LogHandler(self._stream or sys.stderr))
        return self

    def __exit__(self, *_: object) -> None:
        handlers, self._handlers = self._handlers, ()
        for each in handlers:
            each.close()

    def write(self, name: str, text: str) -> None:
        """Write one line of a program; one that begins with its name already is not named twice."""
        named = text if text.startswith(f"{name}: ") else f"{name}: {text}"
        record = logging.LogRecord(STATION, logging.INFO, "", 0, "%s", (named,), None)
        for each in self._handlers:
            each.handle(record)


class _LogFile(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        return cast(
            "TextIOWrapper", open(self.baseFilename, self.mode, encoding=self.encoding, opener=opener())
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's signature
        """Drop the record, which standard error has too, and what the file holds back; the next one opens it again."""
        stream, self.stream = self.stream, None
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
