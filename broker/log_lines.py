"""Log records in one line each: a traceback does not help the sender of a malformed request, nor the operator."""

from __future__ import annotations

import logging
import os


class OneLine(logging.Filter):
    """Put an exception behind its record's sentence; with ROOKERY_DEBUG set, tracebacks stay as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not os.environ.get("ROOKERY_DEBUG"):
            said = " ".join(str(error).split())
            record.msg, record.args = f"{record.getMessage()}: {type(error).__name__}: {said}", ()
            record.exc_info = record.exc_text = None
        return True
