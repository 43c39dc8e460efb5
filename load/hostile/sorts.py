"""Sorts: the ways in which a connection is hostile, each as what it writes and how it goes."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from rookery.load.fuzz.connections import HTTP_2_PREFACE, TLS_HELLO, alive
from rookery.load.fuzz.exchanges.exchange import Request
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.example import example_fields

if TYPE_CHECKING:
    from collections.abc import Callable

_MEGABYTE: Final = 1_000_000
_MAX_REQUEST_BYTES: Final = 15_700_000
_ROW: Final = json.dumps(example_fields(default_contract())).encode()


@dataclass(frozen=True)
class Sort:
    """`make` writes the pieces of connection n; between them a `slow` one waits a moment.

    `share` of the connections that are asked for are made, one at least: some cost a worker much more than others.
    """

    name: str
    make: Callable[[int], tuple[bytes, ...]]
    slow: bool = False
    half_close: bool = False
    reads: bool = True
    share: float = 1.0


def _head(*lines: bytes, target: bytes = b"/") -> bytes:
    return Request(target=target, framing=lines).head()


def _lengthy(target: bytes = b"/") -> bytes:
    return _head(b"Content-Length: %d" % _MAX_REQUEST_BYTES, target=target)


class _Bodies:
    """Costly bodies, each made once."""

    @cached_property
    def bomb(self) -> bytes:
        """300 MB in 300 kB of gzip."""
        packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS + 16)
        piece = bytes(_MEGABYTE)
        return b"".join(packer.compress(piece) for _ in range(300)) + packer.flush()

    @cached_property
    def nested_bomb(self) -> bytes:
        """The same, packed once more."""
        return gzip.compress(self.bomb)

    @cached_property
    def megabyte(self) -> bytes:
        """A part of a body."""
        return b" " * _MEGABYTE


_MADE: Final = _Bodies()


def _push(number: int) -> bytes:
    return alive(number).pieces[0]


def _packed(body: bytes, coding: bytes, target: bytes = b"/") -> tuple[bytes]:
    return (Request(body, headers=[b"Content-Encoding: " + coding], target=target).written(),)


def _in_bits(written: bytes) -> tuple[bytes, ...]:
    """All but the end, a few bytes at a time."""
    return (written[:-12], *(written[at : at + 1] for at in range(len(written) - 12, len(written) - 6)))


SORTS: Final = (
    Sort("unfinished bodies", lambda _: (_lengthy(), _MADE.megabyte[:200_000])),
    Sort("unfinished bodies of /predict", lambda _: (_lengthy(b"/predict"), _MADE.megabyte[:200_000])),
    Sort("large unfinished bodies", lambda _: (_lengthy(), *[_MADE.megabyte] * 15), share=0.02),
    Sort("unfinished chunks", lambda _: (_head(b"Transfer-Encoding: chunked"), b"186a0\r\n" + _MADE.megabyte[:50_000])),
    Sort("tiny chunks", lambda _: (_head(b"Transfer-Encoding: chunked"), b"1\r\n \r\n" * 5_000), share=0.2),
    Sort("large heads", lambda n: (Request(_ROW, headers=[b"X-%d: " % n + b"y" * 60_000]).written(),)),
    Sort("unfinished large heads", lambda n: (b"POST / HTTP/1.1\r\nX-%d: " % n + b"y" * 60_000,)),
    Sort("many headers", lambda n: (Request(_ROW, headers=[b"X-%d-%d: y" % (n, k) for k in range(2_000)]).written(),), share=0.2),
    Sort("gzip bombs", lambda _: _packed(_MADE.bomb, b"gzip"), share=0.02),
    Sort("gzip bombs of /predict", lambda _: _packed(_MADE.bomb, b"gzip", b"/predict"), share=0.02),
    Sort("nested gzip bombs", lambda _: _packed(_MADE.nested_bomb, b"gzip, gzip"), share=0.02),
    Sort("what is no gzip", lambda _: _packed(_ROW, b"gzip")),
    Sort("slow bodies", lambda n: _in_bits(_push(n)), slow=True),
    Sort("slow heads", lambda _: _in_bits(_head(b"Content-Length: 10")), slow=True),
    Sort("slow bodies behind an answer", lambda n: (_push(n), *_in_bits(_push(n))), slow=True),
    Sort("half-closed amid a body", lambda _: (_lengthy(), b" "), half_close=True),
    Sort("half-closed behind a push", lambda n: (_push(n),), half_close=True),
    Sort("TLS hellos", lambda _: (TLS_HELLO,)),
    Sort("HTTP/2 prefaces", lambda _: (HTTP_2_PREFACE,)),
    Sort("silent", lambda _: ()),
    Sort("idle after an answer", lambda n: (_push(n),)),
    Sort("expecting", lambda _: (_head(b"Content-Length: 15000000", b"Expect: 100-continue"),)),
    Sort("pipelines without a reader", lambda n: (_push(n) * 200,), reads=False, share=0.05),
    Sort("metrics without a reader", lambda _: (Request(method=b"GET", target=b"/metrics").written() * 50,), reads=False, share=0.02),
    Sort("garbage", lambda n: (bytes((n * 31 + k * 7) % 256 for k in range(2_000)),)),
)  # fmt: skip
