"""Responses: statuses, what they advise, and the answers that need no aiohttp, written as bytes."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import Final

NO_CONTENT: Final = 204
UNKNOWN: Final = 401
"""The sender is not authenticated: no token, or none that can be trusted."""

FORBIDDEN: Final = 403
"""The sender is authenticated and is not the pushing service account; or its host or origin is not served."""

FULL: Final = 429
LATER: Final = 503


def advice(status: int) -> dict[str, str]:
    """The header that says what to do about an answer: retry, or bring a token; none where neither would help."""
    if status in {UNKNOWN, FORBIDDEN}:
        return {"WWW-Authenticate": "Bearer"}
    return {"Retry-After": "1"} if status in {FULL, LATER} else {}


def no_content() -> bytes:
    """Write the answer that most pushes get; good for a second, as its date is."""
    return f"HTTP/1.1 204 No Content\r\nDate: {formatdate(usegmt=True)}\r\n\r\n".encode()


def response(status: int, text: str = "", *, close: bool = False) -> bytes:
    """Write an answer of any status with a sentence; `close` says that the connection ends with it."""
    body = text.encode()
    fields = {"Date": formatdate(usegmt=True), **advice(status)}
    if close:
        fields["Connection"] = "close"
    if status != NO_CONTENT:
        fields |= {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
