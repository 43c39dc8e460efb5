"""Damaged streams: each is refused with a reason, whatever its bytes promise."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from struct import pack_into

import pyarrow as pa
import pytest

from rookery.load.fuzz.arrow_bodies import ArrowPayloads
from rookery.schemas.codec import ARROW_STREAM, CONTENT_TYPE_ATTRIBUTE
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import Envelope
from rookery.schemas.rejection import UnusableReadingError
from rookery.worker.decoding.arrow.reader import arrow_reader
from rookery.worker.decoding.message import decode_message
from tests.worker.decoding.arrow.streams import stream

CONTRACT = default_compiled()
WHOLE = stream(pa.table({"bill_length_mm": [40.0, 41.0], "sex": ["male", None]}))


def refused(payload: bytes) -> str:
    with pytest.raises(UnusableReadingError) as raised:
        arrow_reader(CONTRACT).read(payload, inline=False)
    (reason,) = raised.value.reasons
    return reason.rule


def treated(payload: bytes) -> str:
    """Read or refused; any other error is one of the test."""
    try:
        arrow_reader(CONTRACT).read(payload, inline=False)
    except UnusableReadingError as error:
        return "refused" if error.reasons and error.names == (None, None) else ""
    return "read"


def test_a_stream_that_is_cut_anywhere_is_refused() -> None:
    """A reading of a cut stream would be lost without a word; bytes behind the end would be, too."""
    for end in range(8, len(WHOLE)):
        assert refused(WHOLE[:end]).startswith("a whole Arrow stream is needed")
    assert "bytes stand behind its end mark" in refused(WHOLE + b"\0" * 8)
    assert "bytes stand behind its end mark" in refused(WHOLE * 2)


def test_no_number_of_a_stream_is_believed() -> None:
    """Every aligned number of four and of eight bytes is replaced in turn by one that lies: it is read or refused, and that is all."""
    for width, form in ((4, "<i"), (8, "<q")):
        for place in range(0, len(WHOLE) - width + 1, width):
            for lie in (-1, 2**31 - 1, -(2**31), 2**20, 3):
                payload = bytearray(WHOLE)
                pack_into(form, payload, place, lie)
                assert treated(bytes(payload))


def test_damage_of_every_kind_is_refused_or_read() -> None:
    """Two thousand streams of the seeded generator, of which some are whole still."""
    outcomes = Counter(treated(body.content) for body in islice(ArrowPayloads(3), 2_000))
    assert outcomes["read"] > 0
    assert outcomes["refused"] > 0
    assert outcomes.total() == 2_000


def test_the_rows_of_many_words_are_bounded() -> None:
    """A long word that every row repeats is not written down for each."""
    word = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int8()), ["w" * 100_000])
    table = pa.table({"sex": word, "bill_length_mm": [40.0] * 50_000})
    assert refused(stream(table)) == "at most 16777216 bytes of text are possible"


@pytest.mark.parametrize(
    ("payload", "attributes", "said"),
    [
        (
            b'{"bill_length_mm": [40]}',
            {CONTENT_TYPE_ATTRIBUTE: ARROW_STREAM},
            "a whole Arrow stream is needed",
        ),
        (b"ARROW1\0\0", {}, "this is an Arrow file"),
        (b"\xff\xff\xff\xff", {}, "a whole Arrow stream is needed"),
    ],
)
def test_what_claims_to_be_a_stream_is_refused_as_one(
    payload: bytes, attributes: dict[str, str], said: str
) -> None:
    """By the message's attribute, or by how its bytes begin."""
    message = decode_message(Envelope("m", body=payload, attributes=attributes), CONTRACT)
    assert said in message.refused[0].reasons[0].rule
