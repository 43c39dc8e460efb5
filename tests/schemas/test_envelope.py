"""Envelopes: wrapped and unwrapped push, as Google documents them, and nothing else."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.schemas.envelope import Envelope, InvalidEnvelopeError, _odd, unwrapped, wrapped
from rookery.schemas.rejection import UnusableReadingError

PUSH: dict[str, Any] = {
    "message": {
        "data": base64.b64encode(b'{"year":2007}').decode(),
        "attributes": {"rookery_schema": "1"},
        "messageId": "136969346945",
        "message_id": "136969346945",
        "publishTime": "2026-11-23T12:00:00.5Z",
        "publish_time": "2026-11-23T12:00:00.5Z",
        "orderingKey": "mast-2",
    },
    "subscription": "projects/p/subscriptions/s",
    "deliveryAttempt": 3,
}


def test_a_wrapped_push_is_read_whole() -> None:
    """Every part of the body that the worker answers for is there."""
    envelope = wrapped(json.dumps(PUSH).encode())
    assert envelope.payload == b'{"year":2007}'
    assert envelope.original == PUSH["message"]["data"]
    assert envelope.message_id == "136969346945"
    assert envelope.published_at == datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)
    assert envelope.attributes == {"rookery_schema": "1"}
    assert (envelope.subscription, envelope.delivery_attempt) == ("projects/p/subscriptions/s", 3)
    assert envelope.ordering_key == "mast-2"


def test_a_message_of_attributes_only_has_an_empty_payload() -> None:
    """Pub/Sub leaves `data` out where there is none."""
    envelope = wrapped(
        json.dumps({"message": {"messageId": "1", "attributes": None}, "subscription": "s"}).encode()
    )
    assert (envelope.payload, dict(envelope.attributes)) == (b"", {})


@pytest.mark.parametrize("data", ["%%%", "YQ", "YQ=!", "Y Q=="])
def test_broken_base64_is_unusable_and_kept_as_it_was_written(data: str) -> None:
    """The message can be attributed, so it is rejected, not refused."""
    envelope = wrapped(json.dumps({**PUSH, "message": {**PUSH["message"], "data": data}}).encode())
    with pytest.raises(UnusableReadingError, match="base64 is needed"):
        _ = envelope.payload
    assert envelope.original == data


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"message": {"da',
        b"[]",
        b"null",
        b"{}",
        b'{"message": {}, "subscription": "s"}',
        b'{"message": {"messageId": ""}, "subscription": "s"}',
        b'{"message": {"messageId": 7}, "subscription": "s"}',
        b'{"message": {"messageId": "7", "data": 5}, "subscription": "s"}',
        b'{"message": {"messageId": "7", "attributes": {"a": 1}}, "subscription": "s"}',
        b'{"message": {"messageId": "7", "publishTime": "yesterday"}, "subscription": "s"}',
        b'{"message": {"messageId": "7"}}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_envelope_says_what_one_is(body: bytes) -> None:
    """A body without a readable message is refused with a reason."""
    with pytest.raises(InvalidEnvelopeError, match="a Pub/Sub push envelope is needed: "):
        wrapped(body)


def test_an_unwrapped_push_is_read_from_its_headers() -> None:
    """Attributes are plain headers; what belongs to HTTP is none."""
    envelope = unwrapped(
        b'{"year":2007}',
        {
            "x-goog-pubsub-message-id": "7",
            "x-goog-pubsub-publish-time": "2026-11-23T12:00:00Z",
            "x-goog-pubsub-subscription-name": "projects/p/subscriptions/s",
            "rookery_schema": "1",
            "content-length": "13",
            "authorization": "Bearer secret",
            "host": "worker",
        },
    )
    assert envelope.payload == b'{"year":2007}'
    assert base64.b64decode(envelope.original) == b'{"year":2007}'
    assert envelope.attributes == {"rookery_schema": "1"}
    assert envelope.published_at == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert envelope.subscription == "projects/p/subscriptions/s"


NO_ATTRIBUTES = re.findall(
    r"\S+",
    """
authorization cookie cookie2 set-cookie proxy-authorization x-serverless-authorization x-forwarded-authorization
x-api-key api-key apikey api_key ocp-apim-subscription-key x-goog-api-key x-goog-iap-jwt-assertion
x-goog-authenticated-user-email x-auth-token x-amz-security-token x-csrf-token x-xsrf-token x-forwarded-for
x-forwarded-client-cert x-real-ip x-cloud-trace-context x-client-secret forwarded via true-client-ip cf-connecting-ip
cf-access-jwt-assertion password my_password credentials session session-id auth private-token access_key
sec-fetch-site origin referer user-agent accept accept-language content-type content-length if-none-match
""",
)


@pytest.mark.parametrize("name", NO_ATTRIBUTES)
def test_a_secret_and_what_belongs_to_the_way_are_no_attributes(name: str) -> None:
    """Attributes are stored with rejections: credentials, cookies, and what proxies add never are."""
    assert unwrapped(b"", {"x-goog-pubsub-message-id": "7", name: "hidden"}).attributes == {}


ATTRIBUTES = re.findall(
    r"\S+",
    """
rookery_schema rookery_replay_of googclient_traceparent traceparent tracestate googclient_schemaencoding device
site station-7 batch_key author authority monkey keyboard ordering-key x-goog-pubsub-schema-name
""",
)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_what_a_publisher_or_pubsub_wrote_is_an_attribute(name: str) -> None:
    """A publisher's own words and Pub/Sub's come through an unwrapped push as they do through a wrapped one."""
    assert unwrapped(b"", {"x-goog-pubsub-message-id": "7", name: "kept"}).attributes == {name: "kept"}


def test_unwrapped_headers_that_make_no_sense_are_no_envelope() -> None:
    """A publish time that is no time is refused in words."""
    with pytest.raises(InvalidEnvelopeError, match="publish-time"):
        unwrapped(b"", {"x-goog-pubsub-message-id": "7", "x-goog-pubsub-publish-time": "noon"})


@pytest.mark.parametrize("attempt", [-1, 2**31, 2**64, 10**400])
def test_a_count_of_attempts_that_no_line_can_hold_is_no_envelope(attempt: int) -> None:
    """Pub/Sub never sends it, and a rejection that repeats it could not be written, with every delivery again."""
    body = json.dumps(
        {"message": {"messageId": "m"}, "subscription": "s", "deliveryAttempt": attempt}
    ).encode()
    with pytest.raises(InvalidEnvelopeError, match="deliveryAttempt"):
        wrapped(body)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_of_publication_that_utc_cannot_hold_is_no_envelope(time: str) -> None:
    """Every envelope's time is in UTC, by which results are sorted into hours."""
    body = json.dumps({"message": {"messageId": "m", "publishTime": time}, "subscription": "s"}).encode()
    with pytest.raises(InvalidEnvelopeError, match="publishTime"):
        wrapped(body)


def test_a_publish_time_in_another_zone_is_converted_to_utc() -> None:
    """The same moment has one hour, whatever its UTC offset."""
    body = json.dumps(
        {"message": {"messageId": "m", "publishTime": "2026-11-23T14:00:00+02:00"}, "subscription": "s"}
    ).encode()
    assert str(wrapped(body).published_at) == "2026-11-23 12:00:00+00:00"


def test_headers_that_are_no_text_become_text() -> None:
    """HTTP allows any bytes in a header; a line of JSON does not."""
    odd = b"\xff\xfem".decode("utf-8", "surrogateescape")
    envelope = unwrapped(b"{}", {"x-goog-pubsub-message-id": odd, "device": odd})
    assert envelope.message_id == envelope.attributes["device"] == "??m"


@given(
    payload=st.binary(max_size=12),
    odd=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 2), st.sampled_from([*'AQ=+/-_ \n"\\é', "==", "QUI"])),
        max_size=2,
    ),
    rows=st.integers(35, 42) | st.integers(600, 603),
)
def test_long_base64_is_decoded_like_short(
    payload: bytes, odd: list[tuple[float, int, str]], rows: int
) -> None:
    """The faster decoder gives the same bytes and refuses the same texts as the strict one, wherever they are malformed."""
    data = base64.b64encode(b"x,\xff" * rows + payload).decode()
    for where, length, text in odd:
        begin = int(where * len(data))
        data = data[:begin] + text + data[begin + length :]
    try:
        strict = binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        with pytest.raises(UnusableReadingError, match=r"message\.data: base64 is needed"):
            _ = Envelope("m", data).payload
    else:
        assert Envelope("m", data).payload == strict


VALUES: Final = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just({}), st.just([]), st.just({"a": "b"}),
    st.sampled_from(["2007-11-11T09:30:00Z", "1", "\ud800", "\x00", 3, 3.0, "3", 2**31, "e30="]),
)  # fmt: skip
FIELDS: Final = ["messageId", "data", "attributes", "publishTime", "orderingKey", "more"]


@given(
    st.dictionaries(st.sampled_from(FIELDS), VALUES),
    st.dictionaries(st.sampled_from(["deliveryAttempt", "subscription", "more"]), VALUES),
)
def test_a_push_is_read_by_hand_as_pydantic_reads_it(message: dict[str, Any], push: dict[str, Any]) -> None:
    """Numbers as text, text as numbers, booleans as numbers: both take an envelope or neither does, and it is the same."""
    body = json.dumps({"subscription": "s", **push, "message": {"messageId": "1", **message}}).encode()
    try:
        slowly = _odd(body)
    except InvalidEnvelopeError:
        with pytest.raises(InvalidEnvelopeError):
            wrapped(body)
        return
    assert wrapped(body) == slowly
    assert type(slowly.delivery_attempt) in {int, type(None)}


@pytest.mark.parametrize("attempt", ["3", 3.0, True, "3e0", -1, 3.5])
def test_a_count_of_attempts_is_a_whole_number(attempt: object) -> None:
    """Text, booleans and fractions are no attempt numbers."""
    body = json.dumps(
        {"message": {"messageId": "1"}, "subscription": "s", "deliveryAttempt": attempt}
    ).encode()
    with pytest.raises(InvalidEnvelopeError, match="deliveryAttempt"):
        wrapped(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"message":{"data":"e30=","messageId":"m"},"subscription":"s","x":[%b1]}' % (b"{}," * 300_000),
        b'{"message":{"data":"%b","messageId":"m"},"subscription":"s"' % (b"e30=" * 100_000)
        + b',"x":""' * 200_000
        + b"}",
    ],
)
def test_a_long_body_that_is_no_messages_data_is_refused_before_it_is_read(body: bytes) -> None:
    """Ten million bytes of anything else would be several hundred millions of objects."""
    with pytest.raises(InvalidEnvelopeError, match="stands beside its data"):
        wrapped(body)


def test_a_message_as_large_as_pubsub_takes_is_read() -> None:
    """Ten million bytes with a hundred attributes of a thousand characters, each of them escaped."""
    attributes = {f"a{nth}": '"' * 1_024 for nth in range(100)}
    data = base64.b64encode(b"x" * 9_800_000).decode()
    message = {"data": data, "attributes": attributes, "messageId": "m"}
    envelope = wrapped(json.dumps({"message": message, "subscription": "s"}).encode())
    assert (envelope.data, envelope.attributes) == (data, attributes)


def test_what_is_wrong_with_an_envelope_is_said_in_a_few_words() -> None:
    """The first errors, shortened, and how many more there are."""
    for count in (100, 10_000):
        attributes = {f"{nth:0500}": nth for nth in range(count)}
        with pytest.raises(InvalidEnvelopeError) as refused:
            wrapped(json.dumps({"message": {"attributes": attributes}, "subscription": "s"}).encode())
        assert len(str(refused.value)) < 10_000
        assert "more" in str(refused.value) or f"{count + 1} things" in str(refused.value)


def test_a_message_id_that_would_fill_every_line_is_no_envelope() -> None:
    """Each of a hundred thousand rows repeats it."""
    with pytest.raises(InvalidEnvelopeError, match="messageId"):
        wrapped(json.dumps({"message": {"messageId": "m" * 1_001}, "subscription": "s"}).encode())
