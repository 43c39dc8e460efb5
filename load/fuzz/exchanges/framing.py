"""Framing: how long a body is, said twice, wrongly, in chunks, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.load.fuzz.exchanges.exchange import (
    REFUSED,
    Ending,
    Exchange,
    Request,
    anything,
    either,
    promised,
    push,
    push_statuses,
    refused,
)

if TYPE_CHECKING:
    from random import Random

CHUNKED: Final = b"Transfer-Encoding: chunked"
_LAST: Final = b"0\r\n\r\n"
_NO_LENGTHS: Final = (
    b"+5", b"-1", b"0x10", b"1e3", b"5,", b"5;5", b"\xc2\xb2", b"9" * 400, b"five", b"5 5", b"5\x00", b"-0", b"1_0",
)  # fmt: skip
_TOO_LARGE: Final = (
    b"%d" % 2**31,
    b"%d" % 2**32,
    b"%d" % (2**63 - 1),
    b"%d" % 2**63,
    b"%d" % 2**64,
    b"15728641",
)
_ENCODINGS: Final = (
    b"chunked, chunked", b"xchunked", b"identity", b"chunked, identity", b"gzip", b"chunked;q=1", b"", b"\x0bchunked",
    b"chunked\x00", b"'chunked'",
)  # fmt: skip
_SIZES: Final = (b"-1", b"+5", b"0x5", b"g", b"", b" ", b"f" * 16, b"f" * 40, b"5 5", b"\xff", b"5\r", b"1_0")


def chunks(dice: Random, body: bytes, *, odd: bool = False) -> bytes:
    """Cut a body into chunks; oddly with extensions, zeros and trailers."""
    pieces, rest = list[bytes](), body
    while rest:
        piece, rest = rest[: (count := dice.randint(1, max(1, len(body) // 4)))], rest[count:]
        size = b"%x" % len(piece)
        if odd:
            size = dice.choice((size, size.upper(), b"00" + size, size + b";a=b", size + b';a="b;c"'))
        pieces.append(size + b"\r\n" + piece + b"\r\n")
    trailer = b"X-Trailer: a\r\n" if odd and dice.randrange(2) else b""
    return b"".join(pieces) + b"0\r\n" + trailer + b"\r\n"


def _chunked(body: bytes, *headers: bytes) -> bytes:
    return Request(body, framing=[CHUNKED, *headers]).written()


def in_chunks(dice: Random, body: bytes) -> Exchange:
    """A body in chunks as they should be."""
    return push("chunked", body, _chunked(chunks(dice, body, odd=dice.randrange(2) == 0)))


def broken_chunks(dice: Random, body: bytes) -> Exchange:
    """Chunks of no size, of another size, without an end, or after which something is missing."""
    whole = chunks(dice, body or b"{}")
    die = dice.randrange(5)
    if die == 0:
        return refused("chunk of no size", _chunked(dice.choice(_SIZES) + b"\r\n" + body + b"\r\n" + _LAST))
    if die == 1:
        return refused("chunk longer than its size", _chunked(b"1\r\n" + (body or b"{}") + b"x\r\n" + _LAST))
    if die == 2:  # noqa: PLR2004  one of five
        return anything("chunks without end", _chunked(whole[: dice.randrange(len(whole))]))
    if die == 3:  # noqa: PLR2004  the same
        return anything("chunks with bare line feeds", _chunked(whole.replace(b"\r\n", b"\n")), body=body)
    return refused("chunk of no end", _chunked(b"ffffffff\r\n" + body))


def conflict(dice: Random, body: bytes) -> Exchange:
    """Two lengths, or a length and chunks."""
    length = b"Content-Length: %d" % len(body)
    die = dice.randrange(3)
    if die == 0:
        both = [length, CHUNKED]
        dice.shuffle(both)
        return refused("length and chunks", Request(chunks(dice, body), framing=both).written())
    if die == 1:
        other = b"Content-Length: %d" % (len(body) + dice.choice((-1, 1, 10)))
        return refused("two lengths", Request(body or b"{}", framing=[length, other]).written())
    return either("a length twice", body, Request(body, framing=[length, length]).written())


def no_framing(dice: Random, body: bytes) -> Exchange:
    """A length that is none or too large, or an encoding that is none."""
    die = dice.randrange(3)
    if die == 0:
        wrong = b"Content-Length: " + dice.choice(_NO_LENGTHS)
        return refused("a length that is none", Request(body, framing=[wrong]).written())
    if die == 1:
        large = b"Content-Length: " + dice.choice(_TOO_LARGE)
        return refused("a length that is too large", Request(body, framing=[large]).written())
    encoding = b"Transfer-Encoding: " + dice.choice(_ENCODINGS)
    return refused("an encoding that is none", Request(chunks(dice, body), framing=[encoding]).written())


def another_length(dice: Random, body: bytes) -> Exchange:
    """No length, a shorter one, or a longer one."""
    more = dice.choice((None, -1, 1, 1_000))
    framing = [] if more is None else [b"Content-Length: %d" % max(0, len(body) + more)]
    # The rest of a body behind a shorter length is no request; the part before it may be a whole one.
    return anything("another length", Request(body, framing=framing).written(), body=_first(body, more))


def _first(body: bytes, more: int | None) -> bytes:
    return body[:-1] if more == -1 else b""


def expectation(dice: Random, body: bytes) -> Exchange:
    """A client that asks before it sends its body, does not wait for the answer, or expects the impossible."""
    die = dice.randrange(4)
    word = dice.choice((b"100-continue", b"100-Continue", b"100-CONTINUE"))
    request = Request(body, headers=[b"Expect: " + word])
    if die == 0:
        return push("expects and sends at once", body, request.written())
    if die == 1:
        other = dice.choice((b"200-ok", b"100-continue, x", b"x", b"100"))
        return Exchange(
            "expects something else",
            (Request(body, headers=[b"Expect: " + other]).written(),),
            (frozenset({417}),),
        )
    if die == 2:  # noqa: PLR2004  one of four
        large = Request(b"", headers=request.headers, framing=[b"Content-Length: 99999999"])
        return Exchange("expects and is too large", (large.head(),), (REFUSED,), pauses=True)
    return Exchange(
        "expects and waits",
        (request.head(), body),
        (push_statuses(body),),
        promised(body),
        Ending.WAIT,
        pauses=True,
    )
