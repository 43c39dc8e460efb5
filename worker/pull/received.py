"""Received messages of a stream as envelopes: the same fields as a push has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from rookery.schemas.envelope import Envelope

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def envelope_of(received: Any, subscription: str) -> Envelope:
    """Read a ReceivedMessage protocol buffer; the delivery attempt is None where Pub/Sub does not count."""
    message = received.message
    at = message.publish_time if message.HasField("publish_time") else None
    attributes = dict(message.attributes)
    return Envelope(
        message_id=message.message_id,
        body=message.data,
        published_at=None if at is None else _published(at.seconds, at.nanos),
        attributes=attributes,
        subscription=subscription,
        delivery_attempt=received.delivery_attempt or None,
        ordering_key=message.ordering_key,
        attribute_size=sum(map(len, attributes.values())),
    )


# Messages that come together were often published in one millisecond.
@lru_cache(maxsize=1_024)
def _published(seconds: int, nanos: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1_000)
