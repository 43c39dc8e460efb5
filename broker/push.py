"""Push over HTTP: one POST a delivery, wrapped in JSON or not, and its verdict."""

from __future__ import annotations

import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
from yarl import URL

from broker.times import rfc3339

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from broker.messages import Delivery, Message

ACKS: Final = frozenset({102, 200, 201, 202, 204})
"""The only answers that acknowledge; HTTP itself makes 102 an interim one, so that the last answer decides."""
_KEEPALIVE_SECONDS: Final = 60
_CONNECT_SECONDS: Final = 10
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a push's token names, and for whom it is."""

    email: str
    audience: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one subscription pushes to, and how; `timeout` in seconds."""

    url: str
    subscription: str
    wrapped: bool = True
    write_metadata: bool = False
    tells_attempt: bool = False
    timeout: float = 10.0
    identity: Identity | None = None


class PushSigner(Protocol):
    """Whoever signs the tokens of pushes."""

    def token(self, identity: Identity) -> str:
        """Give a JWT that is good for a while."""
        ...


class Pusher:
    """POST deliveries over kept-alive connections; an async context manager."""

    def __init__(self, signer: PushSigner) -> None:
        self._signer = signer
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=None, keepalive_timeout=_KEEPALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers={"Accept", "Accept-Encoding"},
            headers={"User-Agent": "CloudPubSub-Google", "From": "noreply@google.com"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, delivery: Delivery, endpoint: Endpoint) -> bool:
        """Push one delivery; True if the endpoint acknowledged it in time."""
        if self._session is None:
            raise RuntimeError("the pusher is not open")
        try:
            async with self._session.post(
                URL(endpoint.url, encoded=True),
                data=body(delivery, endpoint),
                headers=self._headers(delivery, endpoint),
                timeout=aiohttp.ClientTimeout(total=endpoint.timeout, sock_connect=_CONNECT_SECONDS),
                allow_redirects=False,
            ) as response:
                await response.read()
                return response.status in ACKS
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _headers(self, delivery: Delivery, endpoint: Endpoint) -> dict[str, str]:
        headers = (
            {"Content-Type": "application/json"}
            if endpoint.wrapped
            else unwrapped_headers(delivery, endpoint)
        )
        if endpoint.identity is not None:
            headers["Authorization"] = f"Bearer {self._signer.token(endpoint.identity)}"
        return headers


def body(delivery: Delivery, endpoint: Endpoint) -> bytes:
    """Write what is posted: the payload itself, or the JSON that wraps it."""
    return _wrapped(delivery, endpoint) if endpoint.wrapped else delivery.message.data


def _wrapped(delivery: Delivery, endpoint: Endpoint) -> bytes:
    message = delivery.message
    published = rfc3339(message.published_at)
    fields: dict[str, object] = {
        "data": binascii.b2a_base64(message.data, newline=False).decode("ascii"),
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published,
        "publish_time": published,
    }
    if message.attributes:
        fields["attributes"] = dict(message.attributes)
    if message.ordering_key:
        fields["orderingKey"] = message.ordering_key
    push: dict[str, object] = {"message": fields, "subscription": endpoint.subscription}
    if endpoint.tells_attempt:
        push["deliveryAttempt"] = delivery.attempt
    return json.dumps(push, separators=(",", ":"), ensure_ascii=False).encode()


def unwrapped_headers(delivery: Delivery, endpoint: Endpoint) -> dict[str, str]:
    """Write an unwrapped push's headers: the attributes that HTTP can carry, and the message's own."""
    if not endpoint.write_metadata:
        return {"Content-Type": "application/x-www-form-urlencoded"}
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        **_as_headers(delivery.message),
        "x-goog-pubsub-subscription-name": endpoint.subscription,
        "x-goog-pubsub-message-id": delivery.message.message_id,
        "x-goog-pubsub-publish-time": rfc3339(delivery.message.published_at),
        **(
            {"x-goog-pubsub-ordering-key": delivery.message.ordering_key}
            if delivery.message.ordering_key
            else {}
        ),
    }


_OURS: Final = frozenset(
    {"authorization", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)


def _as_headers(message: Message) -> dict[str, str]:
    return {
        name: value
        for name, value in (message.attributes or {}).items()
        if _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value) and name.lower() not in _OURS
    }
