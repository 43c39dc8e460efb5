"""Messages of a PublishRequest, read as fast as most allow: they have data alone."""

from __future__ import annotations

from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING

from rookery.broker.scheduling.messages import MessageDraft, drafted

if TYPE_CHECKING:
    from rookery.broker.service.proto import Proto


def drafts(request: Proto) -> list[MessageDraft]:
    """Give the messages of a request as drafts."""
    data = [each.data for each in request.messages]
    # To ask each message for the attributes and the key that it has not takes longer than all the rest.
    if has_data_alone(request, data):
        return drafted(zip(data, repeat(None), repeat(""), strict=False))
    return [
        MessageDraft(
            each.data, dict(attributes) if (attributes := each.attributes) else None, each.ordering_key
        )
        for each in request.messages
    ]


def has_data_alone(request: Proto, data: list[bytes]) -> bool:
    """Whether a request with these data has nothing else: it has as many bytes as they take."""
    plain: int = _field(len(request.topic.encode())) + sum(map(_message, map(len, data)))
    return bool(request.ByteSize() == plain)


@lru_cache
def _message(data_bytes: int) -> int:
    """Bytes of a message that has data alone, within a request: a field of its own, which is there when empty too."""
    inner = _field(data_bytes)
    return 1 + _varint(inner) + inner


def _field(length: int) -> int:
    """Bytes of a field with a number below 16 and so many bytes in it: none where it is empty."""
    return 1 + _varint(length) + length if length else 0


def _varint(number: int) -> int:
    return max(1, (number.bit_length() + 6) // 7)
