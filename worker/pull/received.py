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
    at, named = message.publish_time, message.attributes
    # Each access of a protocol buffer makes an object, and dict(named) two for each attribute.
    attributes = {name: named[name] for name in named}
    return Envelope(
        message.message_id,
        "",
        message.data,
        _published(at.seconds, at.nanos),
        attributes,
        subscription,
        received.delivery_attempt or None,
        message.ordering_key,
        sum(map(len, attributes.values())),
    )


# Messages that come together were often published in one millisecond.
@lru_cache(maxsize=1_024)
def _published(seconds: int, nanos: int) -> datetime | None:
    """The publish time; None where there is none."""
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1_000) if seconds or nanos else None
