"""Request heads: read by llhttp and held against one set of rules."""

from __future__ import annotations

import re
from typing import Final

import httptools
from msgspec import Struct

from rookery.schemas.envelope import MESSAGE_ID_HEADER
from rookery.worker.http.wire.refused_request import RefusedRequestError

HEAD_BYTES: Final = 2 * 1024 * 1024
"""Longest head: however long a token, it is refused as one; an unwrapped push has at most 130 kB of attributes."""

HEADERS: Final = 256
"""Most headers of one request."""

TARGET_BYTES: Final = 8000
"""Longest request target, as RFC 9112 recommends."""

_SINGLE: Final = frozenset(
    {
        b"content-encoding",
        b"content-length",
        b"content-location",
        b"content-range",
        b"content-type",
        b"etag",
        b"expect",
        b"host",
        b"max-forwards",
        b"server",
        b"transfer-encoding",
        b"user-agent",
    }
)
"""Headers that mean something else twice, or of which a second one is unlawful."""

_ABSOLUTE: Final = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)
_OVERFLOW: Final = "Content-Length overflow"


class RequestHead(Struct, frozen=True):
    """One lawful head. `length` is the body's in bytes, None where it is chunked; `raw` ends with the blank line.

    `headers` are as they came; `values` have lower-case names, and those of one that is repeated joined.
    """

    raw: bytes
    method: str
    target: str
    version: str
    headers: tuple[tuple[bytes, bytes], ...]
    values: dict[bytes, bytes]
    length: int | None
    keep_alive: bool
    authorization: str | None = None
    encoding: str = ""
    expectation: str = ""
    unwrapped: bool = False

    @property
    def is_push(self) -> bool:
        """Whether it is a wrapped push, as Pub/Sub sends it by default."""
        return self.method == "POST" and self.target == "/" and self.version == "1.1" and not self.unwrapped

    @property
    def is_plain(self) -> bool:
        """Whether a request of the same bytes can be served without looking at its head again."""
        return (
            self.is_push
            and self.length is not None
            and self.keep_alive
            and not self.encoding
            and not self.expectation
        )

    @property
    def brings_something(self) -> bool:
        """Whether its sender has to be admitted: all but a GET or HEAD without a body."""
        return self.method not in {"GET", "HEAD"} or self.length != 0

    def header(self, name: str) -> str | None:
        """Give a header by its lower-case name, all of its values joined; None where it is absent."""
        value = self.values.get(name.encode())
        return None if value is None else value.decode("latin-1")


class PartialHead:
    """A head that is arriving: garbage is noticed with its first bytes, not when the time for a head is over."""

    __slots__ = ("_found", "_parser")

    def __init__(self) -> None:
        self._found = _ParsedHead()
        self._parser = httptools.HttpRequestParser(self._found)

    def feed(self, data: bytes) -> None:
        """Look at the next bytes; raises RefusedRequestError."""
        _feed(self._parser, data)
        if self._found.complete or len(self._found.headers) > HEADERS:
            self._found.check(self._parser)
            raise RefusedRequestError("malformed", "malformed HTTP: the head ends without a blank line")


class _ParsedHead:
    """The parts that llhttp finds in a head."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True

    def check(self, parser: httptools.HttpRequestParser) -> None:
        """Raise RefusedRequestError for what llhttp lets pass."""
        if len(self.headers) > HEADERS:
            raise _too_large(f"more than {HEADERS} headers")
        if len(self.target) > TARGET_BYTES:
            raise RefusedRequestError("head_too_large", "the request's target is too long", status=414)
        if not self.complete:
            raise RefusedRequestError("malformed", "malformed HTTP: the head is incomplete")
        if parser.get_http_version() not in {"1.0", "1.1"} or parser.get_method() == b"CONNECT":
            raise RefusedRequestError("malformed", "HTTP/1.1 is needed here, and no proxy")

    def values(self) -> dict[bytes, bytes]:
        """Give the headers by their lower-case names; raises RefusedRequestError where one that must be single is repeated."""
        values: dict[bytes, bytes] = {}
        for name, value in self.headers:
            name = name.lower()  # noqa: PLW2901  the same name
            if name not in values:
                values[name] = value
            elif name in _SINGLE:
                raise RefusedRequestError("malformed", f"malformed HTTP: {name.decode()} is repeated")
            else:
                # As RFC 9110 joins them; two tokens are none that could be verified.
                values[name] += b", " + value
        return values


def too_long(size: int) -> None:
    """Raise RefusedRequestError for a head of so many bytes, if it is too long."""
    if size > HEAD_BYTES:
        raise _too_large(f"the head has more than {HEAD_BYTES} bytes")


def _too_large(sentence: str) -> RefusedRequestError:
    return RefusedRequestError("head_too_large", sentence, status=431)


def _feed(parser: httptools.HttpRequestParser, data: bytes) -> None:
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        # Another protocol is offered, not demanded: this one goes on.
        return
    except httptools.HttpParserError as error:
        if str(error) == _OVERFLOW:
            raise RefusedRequestError("body_too_large", "the body is too large", status=413) from None
        raise RefusedRequestError("malformed", f"malformed HTTP: {error}") from None


def parsed(raw: bytes) -> RequestHead:
    """Read a whole head, its blank line included; raises RefusedRequestError."""
    found = _ParsedHead()
    parser = httptools.HttpRequestParser(found)
    _feed(parser, raw)
    found.check(parser)
    version = parser.get_http_version()
    values = found.values()
    if version == "1.1" and b"host" not in values:
        raise RefusedRequestError("malformed", "malformed HTTP: the Host header is missing")
    method = parser.get_method().decode()
    token = values.get(b"authorization")
    return RequestHead(
        raw=raw,
        method=method,
        target=_target(found.target, method),
        version=version,
        headers=tuple(found.headers),
        values=values,
        length=_length(values, version),
        keep_alive=_keep_alive(values, version),
        authorization=None if token is None else token.decode("latin-1"),
        encoding=_encoding(values),
        # HTTP/1.0 knows no expectations: RFC 9110, 10.1.1.
        expectation=values.get(b"expect", b"").decode("latin-1").lower() if version == "1.1" else "",
        unwrapped=MESSAGE_ID_HEADER.encode() in values,
    )


def _target(raw: bytes, method: str) -> str:
    target = raw.decode("latin-1")
    if target.startswith("/") or (target == "*" and method == "OPTIONS"):
        return target
    # A target in the form for proxies is served, too: RFC 9112, 3.2.2.
    path, absolute = _ABSOLUTE.subn("", target, count=1)
    if not absolute:
        raise RefusedRequestError("malformed", "malformed HTTP: the request's target is no path")
    return path if path.startswith("/") else f"/{path}"


def _keep_alive(values: dict[bytes, bytes], version: str) -> bool:
    # llhttp forgets the header with a request that is over with its head: RFC 9112, 9.3.
    options = {each.strip() for each in values.get(b"connection", b"").lower().split(b",")}
    return b"close" not in options and (version == "1.1" or b"keep-alive" in options)


def _length(values: dict[bytes, bytes], version: str) -> int | None:
    coding = values.get(b"transfer-encoding")
    if coding is None:
        return int(values.get(b"content-length", b"0"))
    if coding.lower() != b"chunked" or version != "1.1":
        raise RefusedRequestError("malformed", "malformed HTTP: chunked is the only transfer encoding")
    return None


def _encoding(values: dict[bytes, bytes]) -> str:
    encoding = values.get(b"content-encoding", b"").decode("latin-1").lower()
    return "" if encoding == "identity" else encoding
