"""One HTTP request and its answer, whatever the status."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from bluegreen.errors import UnhealthyRevisionError

TIMEOUT_S: Final = 30.0
"""How long an answer may take; a revision without an instance has to start one first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Read the body; raises UnhealthyRevisionError where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise UnhealthyRevisionError(f"JSON was expected, not {self.body[:200]!r}") from None


def ask(method: str, url: str, *, body: bytes | None = None, token: str | None = None) -> Answer:
    """Send one request; raises UnhealthyRevisionError where no server answers."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT_S)
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(
            method,
            f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}",
            body=body,
            headers=headers,
        )
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise UnhealthyRevisionError(
            f"{method} {parts.scheme}://{parts.netloc}{parts.path} got no answer: {error}"
        ) from None
    finally:
        connection.close()
