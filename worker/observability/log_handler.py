"""LogHandler: writes log records, and never blocks the code that logs."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
from typing import TYPE_CHECKING, Final, TextIO

from rookery.schemas.output.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_MS: Final = 100
"""How long a stream may be full before records are dropped, until it takes some again."""

_PIECE: Final = 4096
"""Bytes that a pipe takes at once where it takes any (PIPE_BUF)."""


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes records to a stream; what cannot be written is dropped and given to `failed`, and never raised.

    Dropped is what cannot be formatted, what the stream refuses, and all that comes while a pipe is full because
    its reader hangs: waiting for that would stop the event loop, and with it every answer.
    """

    def __init__(self, stream: TextIO) -> None:
        """Store the stream; one without a file descriptor is written to as it is."""
        super().__init__(stream)
        self.failed: Callable[[], None] | None = None
        self._said = False
        self._full = False
        self._torn = False
        self._descriptor: int | None = None
        with contextlib.suppress(OSError, ValueError):
            self._descriptor = stream.fileno()
        self._poll = select.poll()
        if self._descriptor is not None:
            self._poll.register(self._descriptor, select.POLLOUT)

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record unless a filter holds it back; a filter that raises is a failure too."""
        try:
            return super().handle(record)
        except Exception:  # noqa: BLE001  whatever it is, who logs must not suffer from it
            self.handleError(record)
            return False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or drop it."""
        try:
            if not self._written(f"{self.format(record)}{self.terminator}"):
                self._count()
        except Exception:  # noqa: BLE001  the same
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's signature
        """Count a record that could not be written, and say why of the first one."""
        self._count()
        if self._said:
            return
        self._said = True
        error = sys.exc_info()[1]
        with contextlib.suppress(Exception):
            self._written(
                f"a log record cannot be written, nor may others be: {type(error).__name__}: {printable(str(error))}\n"
            )

    def _count(self) -> None:
        if self.failed is not None:
            self.failed()

    def _written(self, text: str) -> bool:
        """Write a line piece by piece as long as the stream takes some; return whether all of it was written."""
        descriptor = self._descriptor
        if descriptor is None:
            self.stream.write(text)
            self.flush()
            return True
        # Past the stream's own buffer: what it cannot get rid of would fail once more at the interpreter's end.
        line = text.encode(errors="backslashreplace")
        # A line that was cut off is at least ended, so that the next one can be read.
        view = memoryview(b"\n" + line if self._torn else line)
        size = len(view)
        while view:
            self._full = not self._poll.poll(0 if self._full else PATIENCE_MS)
            if self._full:
                self._torn = self._torn or len(view) < size
                return False
            view = view[os.write(descriptor, view[:_PIECE]) :]
        self._torn = False
        return True
