"""Logs: a JSON object a line in Cloud Logging's field names, or a line for people on a terminal."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import orjson

from rookery.schemas.output.printable import printable
from rookery.worker.observability.log_handler import LogHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_TRACES: Final = ("traceparent", "googclient_traceparent")
_UNTOLD: Final = {*_TRACES, "tracestate", "googclient_tracestate"}

_SECRET: Final = re.compile(r"(?i)\bbearer\s+[^\s\"',;]+|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
"""A token, named so or by its looks. None should come here; a library's message or a traceback might bring one."""

_UNSEEN: Final = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What JSON leaves as it is and a terminal obeys: controls beyond ASCII's, and changes of direction."""

_LINE_BREAK: Final = "\n"

_TRACE: Final = "logging.googleapis.com/trace"
_SPAN: Final = "logging.googleapis.com/spanId"
_SAMPLED: Final = "logging.googleapis.com/trace_sampled"
_LABELS: Final = "logging.googleapis.com/labels"


def _said(record: logging.LogRecord) -> dict[str, Any]:
    """The fields that were given as `extra`."""
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """Write a record as JSON; whatever was given as `extra` becomes a field of its own."""

    def __init__(self, *, labels: Mapping[str, str] | None = None, project: str = "") -> None:
        """Store what every line is labelled with, and the project that its traces belong to."""
        super().__init__()
        self._labels = dict(labels or {})
        self._traces = f"projects/{project}/traces/" if project else ""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its newline."""
        said = _said(record)
        line = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC),
            "message": record.getMessage(),
            _LABELS: {"logger": record.name, **self._labels},
            **self._trace(said),
            **{name: value for name, value in said.items() if name not in _UNTOLD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return without_secrets(_UNSEEN.sub(_escaped, _json(line)))

    def _trace(self, said: Mapping[str, Any]) -> dict[str, object]:
        """A W3C trace context in Cloud Logging's names."""
        parent = next((str(said[name]) for name in _TRACES if name in said), "")
        match parent.split("-"):
            case [_, trace, span, flags]:
                return {_TRACE: f"{self._traces}{trace}", _SPAN: span, _SAMPLED: flags.endswith("1")}
        return {}


class TextFormatter(logging.Formatter):
    """Write a record for a person: time, severity, message, and then what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, or more where there is a traceback."""
        at = datetime.fromtimestamp(record.created).astimezone()
        said = "  ".join(f"{name}={value}" for name, value in _said(record).items() if name not in _UNTOLD)
        said = printable(said)
        line = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} {record.levelname:<8} {printable(record.getMessage())}"
        if said:
            line = f"{line:<48} {said}"
        if record.exc_info:
            # Indented, so that no message of several lines is taken for a line of its own.
            traceback = textwrap.indent(self.formatException(record.exc_info), "  ")
            line = f"{line}\n{printable(traceback, keep=_LINE_BREAK)}"
        return without_secrets(line)


def _json(line: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()
    except TypeError:
        # Lone surrogates, or a number beyond 64 bits: rare, and a lost line would not be missed.
        return json.dumps(line, default=str, skipkeys=True)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def without_secrets(line: str) -> str:
    """Blot out what looks like a token."""
    return _SECRET.sub("[secret]", line)


def configure(
    level: str,
    *,
    form: Literal["auto", "json", "text"] = "auto",
    revision: str = "",
    stream: TextIO | None = None,
) -> None:
    """Send everything to standard error; `auto` is JSON unless a person's terminal is there."""
    where = stream or sys.stderr
    handler = LogHandler(where)
    if form == "text" or (form == "auto" and where.isatty()):
        handler.setFormatter(TextFormatter())
    else:
        labels = {"revision": revision} if revision else {}
        handler.setFormatter(JsonFormatter(labels=labels, project=os.environ.get("GOOGLE_CLOUD_PROJECT", "")))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def on_failure(failed: Callable[[], None]) -> None:
    """Name what is called for each record that cannot be written from now on."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogHandler):
            handler.failed = failed
