"""Heads: methods, paths, versions and headers, invalid and unusual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.load.fuzz.exchanges.exchange import Exchange, Request, anything, push, refused
from rookery.load.fuzz.expectation import promised
from rookery.schemas import envelope

if TYPE_CHECKING:
    from random import Random

_METHODS: Final = (
    b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"PROPFIND", b"post", b"P\x00ST",
    b"", b"PO ST", b"POST\t", b"x" * 3_000, b"\xff\xfe", b"PRI", b"M-SEARCH", b"QUERY",
)  # fmt: skip
_TARGETS: Final = (
    b"/", b"//", b"/predict", b"/livez", b"/readyz", b"/metrics", b"*", b"http://localhost/", b"http://[::1/", b"/?a=b",
    b"/%2e%2e/etc/passwd", b"/%00", b"/\x00", b"/\xc3\xa9", b"/%ff", b"", b"/#x", b"/a b", b"/" + b"a" * 20_000, b"localhost:80",
    b"https://user:pass@localhost/", b"/predict/", b"/Predict", b"/;x", b"\\", b"/../predict",
)  # fmt: skip
_FINE: Final = (
    b"X-Tab:\tvalue", b"X-None:", b"x-1: a\tb", b"X-Text: \xe9\xff", b"!#$%&'*+.^_`|~: token", b"Cookie: " + b"a=b; " * 800,
    b"Accept: */*", b"Connection: keep-alive", b"Authorization: Bearer x.y.z", b"Authorization:\tBasic Og==",
    b"Content-Type: text/plain; charset=utf-7", b"Accept-Encoding: gzip", b"User-Agent: " + b"x" * 2_000, b"TE: trailers",
)  # fmt: skip
_WRONG: Final = (
    b"no colon", b": no name", b"X Y: space in the name", b"X : space before the colon", b"X\x00: y", b"X: \x00", b"X: a\x07",
    b"\xff: x", b"X(: y", b"X: a\rb",
)  # fmt: skip
_ODD: Final = (
    b"X: folded\r\n line", b"X: y\nZ: bare", b" X: leading space", b"Connection: close", b"Connection: upgrade\r\nUpgrade: websocket",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", b"Connection: \x01",
    b"Upgrade: TLS/1.0", b'X-Forwarded-For: "><script>', b"Origin: null", b"Origin: http://localhost", b"Range: bytes=0-1",
    b"X: " + b"y" * 60_000, b"X: " + b"y" * 3_000_000, b"x" * 10_000 + b": y", b"If-None-Match: *", b"Content-Type: \xff",
    b"Connection: close, keep-alive", b"Proxy-Connection: keep-alive", b"Trailer: Content-Length",
)  # fmt: skip
_HOSTS: Final = (
    b"Host: a b",
    b"Host:",
    b"Host: [::1",
    b"Host: localhost:x",
    b"Host: \xff",
    b"Host: localhost, x",
)
_VERSIONS: Final = (
    b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3", b"HTTP/9.9", b"http/1.1", b"HTTP/1.1 x", b"HTTP/1,1", b"",
    b"HTTP/01.1", b"HTTP/1.", b"ICY/1.1", b"HTTP/-1.1",
)  # fmt: skip


def target(dice: Random, body: bytes) -> Exchange:
    """Any method on any path."""
    request = Request(body, method=dice.choice((b"POST", *_METHODS)), target=dice.choice(_TARGETS))
    return anything("a method and a path", request.written(), body=body)


def fine(dice: Random, body: bytes) -> Exchange:
    """Headers that change nothing, in any number that a client has."""
    headers = [
        *dice.sample(_FINE, dice.randint(1, 5)),
        *(b"X-%d: y" % nth for nth in range(dice.choice((0, 0, 40)))),
    ]
    return push("headers that change nothing", body, Request(body, headers=_once(headers)).written())


def _once(headers: list[bytes]) -> list[bytes]:
    """Leave one of each name: two of some are an error of their own."""
    return list({line.partition(b":")[0]: line for line in headers}.values())


def wrong(dice: Random, body: bytes) -> Exchange:
    """A line that is no header, or a request without a host, or with two."""
    die = dice.randrange(4)
    if die == 0:
        return refused("no host", Request(body, host=None).written())
    if die == 1:
        return refused("two hosts", Request(body, headers=[b"Host: other"]).written())
    headers = [dice.choice(_WRONG)]
    headers.insert(dice.randrange(2), b"X-Fine: y")
    return refused("a line that is no header", Request(body, headers=headers).written())


def odd(dice: Random, body: bytes) -> Exchange:
    """Syntax on which servers differ: folded lines, bare line feeds, other versions, hosts and sizes."""
    die = dice.randrange(6)
    if die == 0:
        request = Request(body, version=dice.choice(_VERSIONS))
    elif die == 1:
        request = Request(body, host=dice.choice(_HOSTS))
    elif die == 2:  # noqa: PLR2004  one of six
        request = Request(
            body, headers=[b"X-%d: y" % nth for nth in range(dice.choice((150, 1_000, 10_000)))]
        )
    elif die == 3:  # noqa: PLR2004  the same
        request = Request(body, end=b"\n")
    else:
        request = Request(body, headers=dice.sample(_ODD, dice.randint(1, 2)))
    before = dice.choice((b"", b"", b"\r\n", b"\r\n" * 50, b"\n"))
    return anything("an odd head", before + request.written(), body=body)


def unwrapped(dice: Random, body: bytes) -> Exchange:
    """A push without a wrapper: its headers are Pub/Sub's, and its attributes are headers too."""
    headers = {
        "x-goog-pubsub-message-id": dice.choice((str(dice.randrange(10**9)), "")),
        "x-goog-pubsub-subscription-name": "s",
        "x-goog-pubsub-publish-time": dice.choice(("2026-11-23T12:00:00Z", "20261123", "", "now")),
        **dice.choice(
            ({"station": "caf\xe9"}, {"station": ""}, {"rookery_schema": "2"}, {"rookery_schema": "1"})
        ),
    }
    request = Request(body, headers=[f"{name}: {value}".encode("latin-1") for name, value in headers.items()])
    try:
        accepted = [frozenset(promised(envelope.unwrapped(body, headers)))]
    except envelope.InvalidEnvelopeError:
        accepted = []
    expected = (frozenset({204 if accepted else 400}),)
    return Exchange("unwrapped", (request.written(),), expected, tuple(accepted))
