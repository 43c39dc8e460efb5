"""A pulled message and a pushed one are the same to the pipeline."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from google.pubsub_v1 import types

from rookery.schemas.envelope import wrapped
from rookery.worker.pull.received import envelope_of

SUBSCRIPTION = "projects/p/subscriptions/s"
PAYLOAD = b'{"bill_length_mm": 40.1}'


def test_an_envelope_is_the_one_of_a_push() -> None:
    """Id, payload, publish time, attributes, attempt, ordering key, identity and original are equal."""
    message = types.PubsubMessage.pb()(
        data=PAYLOAD, message_id="17", ordering_key="k", attributes={"device": "mast", "rookery_schema": "1"}
    )
    message.publish_time.FromDatetime(datetime(2026, 11, 23, 12, 0, 0, 123_000, tzinfo=UTC))
    received = types.ReceivedMessage.pb()(ack_id="a", message=message, delivery_attempt=3)
    pushed = {
        "message": {
            "data": base64.b64encode(PAYLOAD).decode(),
            "messageId": "17",
            "publishTime": "2026-11-23T12:00:00.123Z",
            "orderingKey": "k",
            "attributes": {"device": "mast", "rookery_schema": "1"},
        },
        "subscription": SUBSCRIPTION,
        "deliveryAttempt": 3,
    }
    pulled, push = envelope_of(received, SUBSCRIPTION), wrapped(json.dumps(pushed).encode())
    for name in (
        "message_id",
        "payload",
        "original",
        "published_at",
        "attributes",
        "attribute_size",
        "subscription",
        "delivery_attempt",
        "ordering_key",
        "identity",
    ):
        assert getattr(pulled, name) == getattr(push, name), name


def test_a_message_without_time_and_attempt_has_none() -> None:
    """Pub/Sub counts attempts only where there is a dead-letter policy."""
    received = types.ReceivedMessage.pb()(message=types.PubsubMessage.pb()(message_id="1"))
    envelope = envelope_of(received, SUBSCRIPTION)
    assert envelope.published_at is None
    assert envelope.delivery_attempt is None
