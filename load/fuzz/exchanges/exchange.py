"""Exchange: what is written on one connection, piece by piece, and what must be answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from rookery.load.fuzz.expectation import identities

if TYPE_CHECKING:
    from collections.abc import Sequence

Statuses = frozenset[int]

REFUSED: Final[Statuses] = frozenset(range(400, 500))
"""Statuses of answers to malformed requests."""


class Ending(Enum):
    """The client's action once it has written all."""

    WAIT = "waits for the answers"
    HALF_CLOSE = "closes its side and waits for the answers"
    RESET = "resets the connection"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One connection's part. `expected` has the statuses of each answer; None is any but 5xx, or none at all.

    `accepted` has the identities that each 204 promises, in order; there may be no other 204. With `pauses` the client
    waits for an answer, an interim one perhaps, after its first piece.
    """

    kind: str
    pieces: tuple[bytes, ...]
    expected: tuple[Statuses, ...] | None
    accepted: tuple[frozenset[str], ...] = ()
    ending: Ending = Ending.WAIT
    pauses: bool = False

    def __str__(self) -> str:
        written = b"|".join(self.pieces)
        shown = written if len(written) <= _SHOWN else written[:_SHOWN] + b"..."
        return f"{self.kind} ({self.ending.value}): {shown!r}"


_SHOWN: Final = 500


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is written; a Content-Length is added where `framing` is None."""

    body: bytes = b""
    headers: Sequence[bytes] = ()
    method: bytes = b"POST"
    target: bytes = b"/"
    version: bytes = b"HTTP/1.1"
    host: bytes | None = b"Host: localhost"
    framing: Sequence[bytes] | None = None
    end: bytes = field(default=b"\r\n")

    def head(self) -> bytes:
        """The request line and the headers, with the blank line."""
        framing = [b"Content-Length: %d" % len(self.body)] if self.framing is None else self.framing
        host = [] if self.host is None else [self.host]
        lines = [b" ".join((self.method, self.target, self.version)), *host, *self.headers, *framing, b""]
        return b"".join(line + self.end for line in lines)

    def written(self) -> bytes:
        """Head and body."""
        return self.head() + self.body


def push_statuses(body: bytes) -> Statuses:
    """The status of a well-formed push of a body: 204 where it is an envelope, else 400."""
    return frozenset({400 if identities(body) is None else 204})


def promised(body: bytes) -> tuple[frozenset[str], ...]:
    """The identities that a 204 for a body promises; none where it must not be one."""
    found = identities(body)
    return () if found is None else (frozenset(found),)


def push(kind: str, body: bytes, *pieces: bytes, ending: Ending = Ending.WAIT) -> Exchange:
    """An exchange that must be answered as the body itself is."""
    return Exchange(kind, pieces, (push_statuses(body),), promised(body), ending)


def refused(kind: str, *pieces: bytes) -> Exchange:
    """An exchange that must be refused."""
    return Exchange(kind, pieces, (REFUSED,))


def either(kind: str, body: bytes, *pieces: bytes) -> Exchange:
    """An exchange that may be answered as its body is, or be refused."""
    return Exchange(kind, pieces, (push_statuses(body) | REFUSED,), promised(body))


def anything(kind: str, *pieces: bytes, body: bytes = b"", ending: Ending = Ending.WAIT) -> Exchange:
    """An exchange that may be answered in any way but with a 5xx; a 204 promises what a body holds."""
    return Exchange(kind, pieces, None, promised(body), ending)
