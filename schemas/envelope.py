"""Envelope: what Pub/Sub's push posts, wrapped in JSON or unwrapped with headers."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from rookery.schemas import identity
from rookery.schemas.parsing.attribute_headers import attributes_in
from rookery.schemas.parsing.moment import Moment, parse
from rookery.schemas.rejection import MAX_REASONS, Reason, UnusableReadingError, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class InvalidEnvelopeError(ValueError):
    """The body is no Pub/Sub push envelope; nothing in it can be attributed to a message."""


# Not frozen, as one is made for every push: freezing costs more than reading the body's JSON.
@dataclass(slots=True)
class Envelope:
    """One delivered message. `data` is its payload in base64 as it came, `body` the payload when unwrapped."""

    message_id: str
    data: str = ""
    body: bytes | None = None
    published_at: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    subscription: str = ""
    delivery_attempt: int | None = None
    ordering_key: str = ""
    attribute_size: int = 0
    """Characters of the attributes' values."""

    _identity: str = field(default="", init=False, repr=False, compare=False)

    @property
    def identity(self) -> str:
        """The message's identity: its redeliveries have the same, other messages another one."""
        if not self._identity:
            at = self.published_at
            self._identity = (
                self._undated() if at is None else identity.published(self.message_id, self.subscription, at)
            )
        return self._identity

    def _undated(self) -> str:
        try:
            payload = self.payload
        except UnusableReadingError:
            payload = self.data.encode(errors="replace")
        return identity.undated(self.message_id, self.subscription, payload)

    @property
    def payload(self) -> bytes:
        """The message's bytes; raises UnusableReadingError where the base64 is broken."""
        if self.body is not None:
            return self.body
        try:
            return binascii.a2b_base64(self.data, strict_mode=True)
        except ValueError as error:
            raise UnusableReadingError(
                Reason(field="message.data", rule=f"base64 is needed: {error}")
            ) from None

    @property
    def original(self) -> str:
        """The payload in base64, or, where that is broken, just as it was written."""
        return self.data if self.body is None else binascii.b2a_base64(self.body, newline=False).decode()


MOST_ATTEMPTS: Final = 2**31 - 1
"""Pub/Sub's own field holds no more, nor could a line of JSON hold any number."""


LONGEST_ID: Final = 1_000
"""Characters of a message's id, which stands in each of its lines; Pub/Sub's own have twenty."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    message_id: Annotated[str, Field(alias="messageId", min_length=1, max_length=LONGEST_ID)]
    data: str = ""
    attributes: dict[str, str] | None = None
    published_at: Annotated[Moment | None, Field(alias="publishTime")] = None
    ordering_key: Annotated[str, Field(alias="orderingKey")] = ""


class _Wrapped(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    message: _Message
    subscription: str
    delivery_attempt: Annotated[int | None, Field(alias="deliveryAttempt", ge=0, le=MOST_ATTEMPTS)] = None


def wrapped(body: bytes) -> Envelope:
    """Read a wrapped push body; raises InvalidEnvelopeError with the reasons."""
    if len(body) > LONG_BODY and not _mostly_data(body):
        raise InvalidEnvelopeError(f"{_NEEDED}more than a message's attributes may be stands beside its data")
    try:
        return _plain(from_json(body))
    except (AttributeError, LookupError, TypeError, ValueError):
        return _odd(body)


LONG_BODY: Final = 256 * 1024
_MOST_BESIDE: Final = 800_000
"""Bytes of a push without its data: 100 attributes of 256 and 1,024 bytes, all of them escaped, and some names."""

_MOST_TEXTS: Final = 100_000
_NO_DATA: Final = (b"[", b"{", b",")


def _mostly_data(body: bytes) -> bool:
    """Whether all of a long body but one text is short: else it would become up to eighty times as many bytes."""
    # Of nearly all such bodies the data is what stands in the middle: found a tenth as long as by looking at each text.
    middle = len(body) // 2
    begin, end = body.rfind(b'"', 0, middle) + 1, body.find(b'"', middle)
    if len(body) - (end - begin) <= _MOST_BESIDE:
        return all(body.find(mark, begin, end) < 0 for mark in _NO_DATA)
    pieces = body.split(b'"', _MOST_TEXTS)
    longest = max(pieces, key=len)
    beside = sum(map(len, pieces)) - len(longest)
    return beside <= _MOST_BESIDE and not any(mark in longest for mark in _NO_DATA)


def _plain(push: Any) -> Envelope:
    """Read what Pub/Sub really sends, at a fifth of the cost; raises what `_odd` then explains (or allows)."""
    message = push["message"]
    message_id, subscription = message["messageId"], push["subscription"]
    get = message.get
    data, at, attributes, ordering_key = (
        get("data", ""),
        get("publishTime"),
        get("attributes", NO_ATTRIBUTES),
        get("orderingKey", ""),
    )
    attempt = push.get("deliveryAttempt")
    published_at = None if at is None else published(at)
    # Raises TypeError where one is no text, at a third of the cost of looking at each.
    attribute_size = len("".join(attributes.values()))
    if not (
        message_id
        and type(message_id) is str
        and len(message_id) <= LONGEST_ID
        and type(subscription) is str
        and type(data) is str
        and type(ordering_key) is str
        and type(attributes) is dict
        and (attempt is None or (type(attempt) is int and 0 <= attempt <= MOST_ATTEMPTS))
    ):
        raise TypeError
    return Envelope(
        message_id, data, None, published_at, attributes, subscription, attempt, ordering_key, attribute_size
    )


NO_ATTRIBUTES: Final[dict[str, str]] = {}

published: Final = lru_cache(maxsize=1_024)(parse)
"""Messages that come together were often published in one millisecond, which is read once."""


def _odd(body: bytes) -> Envelope:
    """Read a wrapped push body of any form; raises InvalidEnvelopeError with every reason."""
    try:
        push = _Wrapped.model_validate_json(body)
    except ValidationError as error:
        raise InvalidEnvelopeError(_every(error)) from None
    message = push.message
    attributes = message.attributes or {}
    return Envelope(
        message_id=message.message_id,
        data=message.data,
        published_at=message.published_at,
        attributes=attributes,
        attribute_size=sum(map(len, attributes.values())),
        subscription=push.subscription,
        delivery_attempt=push.delivery_attempt,
        ordering_key=message.ordering_key,
    )


MESSAGE_ID_HEADER: Final = "x-goog-pubsub-message-id"
PUBLISH_TIME_HEADER: Final = "x-goog-pubsub-publish-time"
SUBSCRIPTION_HEADER: Final = "x-goog-pubsub-subscription-name"
ORDERING_KEY_HEADER: Final = "x-goog-pubsub-ordering-key"


_FIELDS: Final = frozenset({MESSAGE_ID_HEADER, PUBLISH_TIME_HEADER, SUBSCRIPTION_HEADER, ORDERING_KEY_HEADER})


class _Headers(BaseModel):
    message_id: Annotated[str, Field(alias=MESSAGE_ID_HEADER, min_length=1, max_length=LONGEST_ID)]
    published_at: Annotated[Moment | None, BeforeValidator(parse), Field(alias=PUBLISH_TIME_HEADER)] = None
    subscription: Annotated[str, Field(alias=SUBSCRIPTION_HEADER)] = ""
    ordering_key: Annotated[str, Field(alias=ORDERING_KEY_HEADER)] = ""


def unwrapped(body: bytes, headers: Mapping[str, str]) -> Envelope:
    """Read an unwrapped push (`write_metadata` on); `headers` have lower-case names, attributes among them."""
    try:
        headers = {_text(name): _text(value) for name, value in headers.items()}
        known = _Headers.model_validate(headers)
    except ValidationError as error:
        raise InvalidEnvelopeError(_every(error)) from None
    attributes = {name: value for name, value in attributes_in(headers).items() if name not in _FIELDS}
    return Envelope(
        message_id=known.message_id,
        body=body,
        published_at=known.published_at,
        attributes=attributes,
        attribute_size=sum(map(len, attributes.values())),
        subscription=known.subscription,
        ordering_key=known.ordering_key,
    )


def _text(header: str) -> str:
    """A header as text that JSON can hold: HTTP allows bytes that are no UTF-8, and they come as lone surrogates."""
    return header.encode(errors="replace").decode()


_NEEDED: Final = "a Pub/Sub push envelope is needed: "
_MOST_ERRORS: Final = 1_000


def _every(error: ValidationError) -> str:
    if error.error_count() > _MOST_ERRORS:
        return f"{_NEEDED}{error.error_count()} things are wrong"
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    said = [
        f"{shortened('.'.join(str(part) for part in each['loc'])) or 'body'}: "
        f"{each['msg'].removeprefix('Value error, ')}"
        for each in errors
    ]
    rest = [f"and {len(said) - MAX_REASONS} more"] if len(said) > MAX_REASONS else []
    return _NEEDED + "; ".join(said[:MAX_REASONS] + rest)
