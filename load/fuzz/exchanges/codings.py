"""Codings: bodies whose Content-Encoding is true, and such whose is not."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Final

import brotli  # type: ignore[import-untyped]  # it ships no types
import zstandard

from rookery.load.fuzz.exchanges.exchange import Request, either, push, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from rookery.load.fuzz.exchanges.exchange import Exchange


def _gzip(body: bytes) -> bytes:
    # Without the time of day, so that a seed repeats its bytes.
    return gzip.compress(body, mtime=0)


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS: Final[dict[bytes, Callable[[bytes], bytes]]] = {
    b"gzip": _gzip,
    b"deflate": zlib.compress,
    b"br": brotli.compress,
    b"zstd": zstandard.ZstdCompressor().compress,
    b"identity": lambda body: body,
}
_MUST: Final = (b"gzip", b"deflate")
"""Codings that a worker has to understand; it may refuse the others."""

_BOMB: Final = _gzip(bytes(17_000_000))
"""One more megabyte than a body may have."""

_NONSENSE: Final = (
    b"",
    b"gzip,",
    b",",
    b"gzip;q=1",
    b"utf-8",
    b"\xff",
    b"chunked",
    b"x" * 300,
    b"gzip gzip",
    b"*",
)


def _coded(body: bytes, coding: bytes) -> bytes:
    return Request(body, headers=[b"Content-Encoding: " + coding]).written()


def true(dice: Random, body: bytes) -> Exchange:
    """A body that is coded as it says."""
    coding = dice.choice(list(PACKERS))
    packed = PACKERS[coding](body)
    written = dice.choice((coding, coding.upper(), coding + b" ", b"\t" + coding))
    make = push if coding in _MUST else either
    return make(f"coded {coding.decode()}", body, _coded(packed, written))


def odd(dice: Random, body: bytes) -> Exchange:
    """A body in more than one coding, or in several members, or without zlib's header; as it says."""
    first, second = dice.choice(list(PACKERS)), dice.choice(list(PACKERS))
    half = dice.randrange(len(body) + 1)
    packed, coding = dice.choice(
        [
            (PACKERS[second](PACKERS[first](body)), first + b", " + second),
            (_gzip(body[:half]) + _gzip(body[half:]), b"gzip"),
            (_raw_deflate(body), b"deflate"),
            (_gzip(body), b"x-gzip"),
            (_gzip(body), b"gzip\r\nContent-Encoding: identity"),
            (_gzip(_gzip(body)), b"gzip\r\nContent-Encoding: gzip"),
        ]
    )
    return either("coded oddly", body, _coded(packed, coding))


def false(dice: Random, body: bytes) -> Exchange:
    """A body that is not coded as it says, or not whole."""
    # Checksums of both notice whatever was changed.
    coding = dice.choice(_MUST)
    packed = PACKERS[coding](body)
    die = dice.randrange(6)
    if die == 0:
        return refused("plain and called packed", _coded(body or b"{}", coding))
    if die == 1:
        return refused("cut", _coded(packed[: dice.randrange(1, len(packed))], coding))
    if die == 2:  # noqa: PLR2004  one of six
        broken = bytearray(packed)
        broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
        return either("one bit other", body, _coded(bytes(broken), coding))
    if die == 3:  # noqa: PLR2004  the same
        return either("more behind", body, _coded(packed + dice.randbytes(dice.randint(1, 40)), coding))
    if die == 4:  # noqa: PLR2004  the same
        return either("no coding", body, _coded(body, dice.choice(_NONSENSE)))
    return either("of another coding", body, _coded(packed, dice.choice(list(PACKERS))))


def bomb(dice: Random, body: bytes) -> Exchange:
    """A body that is larger than it may be once it is unpacked."""
    del dice, body
    return refused("bomb", _coded(_BOMB, b"gzip"))
