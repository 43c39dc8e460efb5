"""Responses: statuses, what they advise, and answers written as bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

OK: Final = 200
NO_CONTENT: Final = 204
UNKNOWN: Final = 401
"""The sender is not authenticated: no token, or none that can be trusted."""

FORBIDDEN: Final = 403
"""The sender is authenticated and is not the pushing service account; or its host or origin is not served."""

NOT_FOUND: Final = 404
NOT_ALLOWED: Final = 405
FULL: Final = 429
LATER: Final = 503

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, before it is known how its connection goes on."""

    body: bytes = b""
    status: int = OK
    kind: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)

    def written(self, *, connection: str = "", bodiless: bool = False) -> bytes:
        """Write it with the Connection header given; `bodiless` for a HEAD, whose answer only says how long it would be."""
        fields = {"Date": _date(int(time.time())), **self.headers}
        if connection:
            fields["Connection"] = connection
        if self.status != NO_CONTENT:
            fields |= {"Content-Type": self.kind, "Content-Length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode() + (b"" if bodiless else self.body)


# Answers of one second have the same: to write a date costs as much as to write the rest of an answer.
@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def explained(status: int, text: str = "") -> Response:
    """Answer with a sentence and, where it would help, the header that says what to do: retry, or bring a token."""
    advice = {}
    if status in {UNKNOWN, FORBIDDEN}:
        advice = {"WWW-Authenticate": "Bearer"}
    elif status in {FULL, LATER}:
        advice = {"Retry-After": "1"}
    return Response(text.encode(), status, headers=advice)


DURABLE: Final = Response(status=NO_CONTENT)
"""The answer to a push of which everything is durable, predictions and rejections alike. Only 102, 200, 201, 202 and 204 acknowledge."""


def no_content() -> bytes:
    """Write that answer; good for a second, as its date is."""
    return DURABLE.written()
