"""UBJ: what XGBoost writes is read back whole, and no byte of anything else is believed."""

from __future__ import annotations

import random
import struct

import pytest

from rookery.schemas.artifact import unseal
from rookery.worker.models.loader import SHIPPED
from rookery.worker.models.ubj import DEPTH, MalformedUbjError, decode
from tests.worker.models.ubj_writer import encode

RAW = unseal(SHIPPED.read_bytes())


def test_a_model_is_read_as_it_was_written() -> None:
    """Nothing is left out, rounded or put in another order: written again it is the same bytes."""
    assert encode(decode(RAW)) == RAW


def test_every_kind_of_value_is_read() -> None:
    """Numbers of every width, constants, texts beyond ASCII, and empty containers."""
    value = {"a": [-1, 300, -70_000, 1 << 40, 0.5, True, False, None], "é": {}, "b": [[], "🐧"]}
    assert decode(encode(value)) == value


def test_a_model_that_was_cut_anywhere_is_refused() -> None:
    """The last byte may be any."""
    chance = random.Random(1)  # noqa: S311  damage needs no secrecy
    for end in (0, 1, *(chance.randrange(len(RAW)) for _ in range(300))):
        with pytest.raises(MalformedUbjError):
            decode(RAW[:end])


LONG = struct.pack(">q", 1)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"S" + b"L" + struct.pack(">q", -1), "length"),
        (b"S" + b"L" + struct.pack(">q", 2**62), "length"),
        (b"[#L" + struct.pack(">q", 2**40), "length"),
        (b"[$L#L" + struct.pack(">q", 2**61) + bytes(64), "length"),
        (b"[$S#L" + LONG + b"x", "unexpected"),
        (b"[$d" + bytes(12), "unexpected"),
        (b"[i\x01]", "unexpected"),
        (b"Si\x01x" + bytes(8), "unexpected"),
        (b'{"a":1,"b":2}', "unexpected"),
        (b"N", "unexpected"),
        (b"SL" + LONG + b"\xff", "UTF-8"),
        (b"i\x01i", "follow its end"),
        (b"{" + 2 * (b"L" + LONG + b"ai\x01") + b"}", "twice"),
        ((b"[#L" + LONG) * (DEPTH + 1) + b"i\x01", "nested deeper"),
        ((b"[#L" + LONG) * 100_000, "nested deeper"),
    ],
)
def test_what_xgboost_does_not_write_is_refused(raw: bytes, reason: str) -> None:
    """Lengths beyond the bytes, other containers, other markers, one name twice, depth without end."""
    with pytest.raises(MalformedUbjError, match=reason):
        decode(raw)
