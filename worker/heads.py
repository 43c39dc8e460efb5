"""Heads: is this the head of a push request? Asked of httptools once, then known by its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httptools

if TYPE_CHECKING:
    from worker.host_policy import HostPolicy

KNOWN_HEADS: Final = 4096
"""Heads that are remembered; Pub/Sub's differ in their Content-Length only."""

LENGTHS: Final = 1024
"""Lengths of requests whose last head is remembered."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the lane needs of a push request's head: its body's length and its token."""

    length: int
    authorization: str | None
    size: int = 0
    """Its own length, the blank line included."""


class Heads:
    """Reads heads; whether one is a push request's is asked of httptools once and then remembered."""

    def __init__(self, *, body_bytes: int, hosts: HostPolicy | None = None) -> None:
        """Store the bound of a body, and which hosts are served; what is beyond either is aiohttp's to refuse."""
        self._body_bytes = body_bytes
        self._hosts = hosts
        self._known: dict[bytes, Head | None] = {}
        self._by_length: dict[int, tuple[bytes, Head]] = {}

    def known(self, data: bytes) -> Head | None:
        """Give the head of a whole request, where it was read before, is the lane's, and was the last of its length."""
        # Comparing costs far less than finding a head's end and hashing a token of a thousand characters.
        found = self._by_length.get(len(data))
        if found is not None and data.startswith(found[0]):
            return found[1]
        return None

    def read(self, head: bytes) -> Head | None:
        """Read a whole head, its blank line included; None where it is not the lane's."""
        try:
            read = self._known[head]
        except KeyError:
            if len(self._known) >= KNOWN_HEADS:
                self._known.clear()
            read = self._known[head] = _parsed(head, self._body_bytes, self._hosts)
        if read is not None:
            if len(self._by_length) >= LENGTHS:
                self._by_length.clear()
            self._by_length[read.size + read.length] = (head, read)
        return read


class _Callbacks:
    """What httptools finds in a head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.twice = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.twice |= name in self.headers
        self.headers[name] = value

    def header(self, name: str) -> str | None:
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")


# Each of these changes what the body is, how it is framed, or what comes after it: aiohttp knows them all.
_OTHERS: Final = (
    b"connection",
    b"content-encoding",
    b"expect",
    b"transfer-encoding",
    b"upgrade",
    b"x-goog-pubsub-message-id",
)


def _parsed(head: bytes, body_bytes: int, hosts: HostPolicy | None) -> Head | None:
    found = _Callbacks()
    parser = httptools.HttpRequestParser(found)
    try:
        parser.feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    headers = found.headers
    length = headers.get(b"content-length", b"")
    if (
        parser.get_method() != b"POST"
        or found.url != b"/"
        or parser.get_http_version() != "1.1"
        or found.twice
        or b"host" not in headers
        or any(
            name in headers for name in _OTHERS if (name, headers.get(name)) != (b"connection", b"keep-alive")
        )
        or not length.isdigit()
        or int(length) > body_bytes
        or (hosts is not None and hosts.denied("POST", found.header) is not None)
    ):
        return None
    token = headers.get(b"authorization")
    return Head(
        length=int(length),
        authorization=None if token is None else token.decode("latin-1"),
        size=len(head),
    )
