"""The reader of pushes, held against the rules of schemas/envelope.py."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rookery.schemas.envelope import Envelope, InvalidEnvelopeError, wrapped
from rookery.schemas.rejection import UnusableReadingError
from rookery.worker.decoding import envelope_reader
from rookery.worker.decoding.envelope_reader import read_envelope, read_payload

MESSAGE = {
    "attributes": {"schema": "1"},
    "data": base64.b64encode(b"{}").decode(),
    "messageId": "11",
    "message_id": "11",
    "publishTime": "2026-11-26T10:00:00.123Z",
    "publish_time": "2026-11-26T10:00:00.123Z",
    "orderingKey": "k",
}
PUSH = {"message": MESSAGE, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 3}

if TYPE_CHECKING:
    from collections.abc import Callable

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2026-11-26T10:00:00Z", "é\u2028"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
names = st.sampled_from([*MESSAGE, *PUSH, "other"])


def said(read: Any, body: bytes) -> Any:
    """The envelope with its data as text, its payload, or the sentence that refuses the body."""
    try:
        return with_data(read(body))
    except InvalidEnvelopeError as error:
        return str(error)


def with_data(envelope: Envelope) -> Envelope:
    """The same envelope, whether its data was decoded already or is as it came."""
    return replace(envelope, data=envelope.original, body=None)


def without(known: dict[str, Any], lacking: set[str]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name not in lacking}


@given(
    message=st.dictionaries(names, values, max_size=2),
    push=st.dictionaries(names, values, max_size=1),
    lacking=st.sets(names, max_size=2),
    cut=st.none() | st.integers(1, 30),
    ascii_only=st.booleans(),
)
@example(message={}, push={"deliveryAttempt": 1.0}, lacking=set(), cut=None, ascii_only=True)
@example(message={}, push={"deliveryAttempt": True}, lacking=set(), cut=None, ascii_only=True)
@example(message={"publishTime": "2026-11-26"}, push={}, lacking=set(), cut=None, ascii_only=True)
@example(message={"attributes": None}, push={}, lacking=set(), cut=None, ascii_only=True)
def test_every_body_is_read_as_by_pydantic(
    message: dict[str, Any], push: dict[str, Any], lacking: set[str], cut: int | None, *, ascii_only: bool
) -> None:
    """The envelope of any body is the same, or the sentence that refuses it."""
    changed = without({**PUSH, "message": without({**MESSAGE, **message}, lacking), **push}, lacking)
    body = json.dumps(changed, ensure_ascii=ascii_only).encode(errors="surrogatepass")[
        : -cut if cut else None
    ]
    assert said(read_envelope, body) == said(wrapped, body)


@given(st.binary(max_size=60))
def test_broken_text_in_any_place_is_refused_alike(text: bytes) -> None:
    """Bytes that are no UTF-8 are refused in fields that nothing reads, too."""
    for name in (b'"data"', b'"message_id"', b'"other"', b'"publishTime"'):
        body = json.dumps(PUSH).encode().replace(b'"orderingKey": "k"', name + b':"' + text + b'"')
        assert said(read_envelope, body) == said(wrapped, body)


def test_a_push_of_pubsub_needs_no_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Pub/Sub sends, with every field that it knows, is read at once."""

    def refuse(_: bytes) -> None:
        raise AssertionError("the slow way was asked")

    body = json.dumps(PUSH).encode()
    expected = wrapped(body)
    monkeypatch.setattr(envelope_reader, "wrapped", refuse)
    assert read_envelope(body) == expected
    assert read_envelope(body).delivery_attempt == 3


LONG = base64.b64encode(b"long" * 5_000).decode()
MALFORMED = {
    "as it was sent": LONG,
    "an escaped quote": LONG + '\\"',
    "an escaped quote in the middle": LONG[:9_000] + '\\"' + LONG,
    "an escaped letter": LONG + "\\u0041",
    "a control character": LONG + "\n",
    "a letter that is none of ASCII": LONG + "é",
    "half a character": LONG.encode() + b"\xc3",
    "another field of this name": LONG + '","data":"AAAA',
    "another field of this name, escaped": LONG + '","d\\u0061ta":"',
    "a broken end": LONG + '"',
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize(
    "field", ['"data":"', '"data" : "', '"attributes":{"data":"', '"other":"', '"messageId":"']
)
def test_a_long_body_is_read_as_by_pydantic(data: str | bytes, field: str) -> None:
    """A body with any text in its middle, in any field, has the envelope, or the refusal, that reading all of it gives."""
    written = data if isinstance(data, bytes) else data.encode()
    end = b'"}' if "{" in field else b'"'
    body = b'{"message":{"messageId":"11",%b%b%b},"subscription":"s"}' % (field.encode(), written, end)
    assert said(read_envelope, body) == said(wrapped, body)


@pytest.mark.parametrize("count", [1, 60], ids=["some kilobytes", "a megabyte"])
def test_the_data_of_a_long_body_is_not_read_as_json(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A table's megabytes of base64 are cut out, and what is left is as quick to read as a reading's push."""
    read: list[bytes] = []

    def reading(body: bytes) -> Any:
        read.append(body)
        return decode(body)

    decode = envelope_reader._DECODE
    monkeypatch.setattr(envelope_reader, "_DECODE", reading)
    data = base64.b64encode(b"long" * 5_000 * count).decode()
    body = json.dumps({**PUSH, "message": {**MESSAGE, "data": data}}).encode()
    envelope = read_envelope(body)
    assert with_data(envelope) == wrapped(body)
    assert envelope.payload == b"long" * 5_000 * count
    assert [len(each) < 1_000 for each in read] == [True]


LETTERS = "ABCDwxyz0189+/"


@given(
    text=st.text(LETTERS, min_size=148, max_size=160),
    place=st.integers(0, 160),
    malformed=st.sampled_from(
        ["", "=", "==", "===", "-", "_", " ", "\n", "é", "\x00", "\u2028", "=A", "A=", "\ud800"]
    ),
    end=st.sampled_from(["", "=", "==", "===", "====", "=\n", "A=A="]),
)
@example(text="A" * 158, place=0, malformed="", end="==")
@example(text="A" * 157 + "x", place=0, malformed="", end="==")
@example(text="A" * 158 + "x", place=0, malformed="", end="=")
def test_a_payload_is_read_as_by_the_standard_library(
    text: str, place: int, malformed: str, end: str
) -> None:
    """Its bytes are the same, or the reason why there are none."""

    def read(one: Envelope) -> bytes:
        return one.payload

    envelope = Envelope("11", text[:place] + malformed + text[place:] + end)
    assert outcome(read_payload, envelope) == outcome(read, envelope)


def outcome(read: Callable[[Envelope], bytes], envelope: Envelope) -> object:
    try:
        return read(envelope)
    except UnusableReadingError as unusable:
        return unusable.reasons
