"""The reader of pushes, held against the rules of schemas/envelope.py."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from rookery.schemas.envelope import InvalidEnvelopeError, wrapped
from rookery.worker.decoding import envelope_reader
from rookery.worker.decoding.envelope_reader import read_envelope

if TYPE_CHECKING:
    import pytest

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
    """The envelope, or the sentence that refuses the body."""
    try:
        return read(body)
    except InvalidEnvelopeError as error:
        return str(error)


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
