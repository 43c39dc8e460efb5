"""Connections: requests in a row, in pieces, half closed, broken off, and what is no HTTP at all."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

from rookery.load.fuzz.exchanges.exchange import (
    REFUSED,
    Ending,
    Exchange,
    Request,
    anything,
    promised,
    push,
    push_statuses,
)
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.example import example_fields
from rookery.schemas.envelope import InvalidEnvelopeError, wrapped
from rookery.schemas.rejection import UnusableReadingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_EXAMPLE: Final = example_fields(default_contract())
TLS_HELLO: Final = bytes.fromhex("16030101000100017c0303") + bytes(range(256)) + b"\x00\x00\x13\x01"
HTTP_2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)
_NO_HTTP: Final = (
    TLS_HELLO, HTTP_2_PREFACE, b"SSH-2.0-x\r\n", b"\x00" * 40, b"\r\n" * 3_000, b"GET\r\n\r\n", b"EHLO x\r\n", b"{}", b"\xff" * 20_000,
    b"PROXY TCP4 127.0.0.1 127.0.0.1 1 1\r\n", b"POST / HTTP/1.1", b"POST / HTTP/1.1\r\n", b"\x05\x01\x00", b"*1\r\n$4\r\nPING\r\n",
)  # fmt: skip


def split(dice: Random, body: bytes) -> Exchange:
    """A request that arrives in pieces, cut anywhere."""
    return push("split", body, *pieces(dice, Request(body).written()))


def pieces(dice: Random, written: bytes) -> Sequence[bytes]:
    """Cut into a few pieces."""
    cuts = sorted({dice.randrange(1, len(written)) for _ in range(dice.randint(1, 12))})
    return [written[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(written)], strict=True)]


def pipeline(dice: Random, bodies: Sequence[bytes]) -> Exchange:
    """Requests in a row without waiting; perhaps one that is refused after them."""
    broken = dice.randrange(3) == 0
    requests = [Request(body).written() for body in bodies]
    if broken:
        requests.append(Request(b"{}", framing=[b"Content-Length: x"]).written())
    expected = [push_statuses(body) for body in bodies] + ([REFUSED] if broken else [])
    accepted = [each for body in bodies for each in promised(body)]
    written = tuple(pieces(dice, b"".join(requests))) if dice.randrange(2) else (b"".join(requests),)
    return Exchange("pipeline", written, tuple(expected), tuple(accepted))


def half_closed(dice: Random, body: bytes) -> Exchange:
    """A client that closes its side behind its request, and still wants the answer; or in the middle of it."""
    written = Request(body).written()
    if dice.randrange(2):
        return push("half-closed", body, written, ending=Ending.HALF_CLOSE)
    return anything("half-closed amid", written[: dice.randrange(len(written))], ending=Ending.HALF_CLOSE)


def reset(dice: Random, body: bytes) -> Exchange:
    """A client that is gone, before its request was whole or after."""
    written = Request(body).written()
    return anything("reset", written[: dice.randint(1, len(written))], body=body, ending=Ending.RESET)


def no_http(dice: Random, body: bytes) -> Exchange:
    """The first bytes of other protocols, or random ones."""
    del body
    if dice.randrange(3) == 0:
        return anything("bytes", dice.randbytes(dice.choice((1, 100, 5_000))))
    return anything("another protocol", dice.choice(_NO_HTTP))


def mutated(dice: Random, body: bytes) -> Exchange:
    """A request some bytes of whose head are others."""
    head = bytearray(Request(body, headers=[b"Content-Type: application/json"]).head())
    for _ in range(dice.randint(1, 4)):
        where = dice.randrange(len(head))
        head[where : where + dice.randint(0, 3)] = dice.randbytes(dice.randint(0, 3))
    return anything("a head with other bytes", bytes(head) + body, body=body)


def predict(dice: Random, body: bytes) -> Exchange:
    """The payload of a push, sent to `/predict` in pieces."""
    try:
        payload = wrapped(body).payload
    except (InvalidEnvelopeError, UnusableReadingError):
        payload = body
    request = Request(payload, target=b"/predict").written()
    return Exchange("predict", tuple(pieces(dice, request)), (frozenset({200, 422}),))


def alive(number: int) -> Exchange:
    """A plain push of one reading, which a worker that is well answers with 204."""
    name = f"alive-{number}"
    data = base64.b64encode(json.dumps({**_EXAMPLE, "reading_id": name}).encode()).decode()
    body = json.dumps({"message": {"messageId": name, "data": data}, "subscription": "s"}).encode()
    return push("alive", body, Request(body).written())
