"""Push over HTTP: one POST a delivery, wrapped in JSON or not, and its verdict."""

from __future__ import annotations

import binascii
import json
import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
from yarl import URL

from rookery.broker.delivery.http_client import (
    CONNECT_SECONDS,
    KEEPALIVE_SECONDS,
    HttpAddress,
    HttpClient,
    place,
)
from rookery.broker.times import rfc3339

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rookery.broker.scheduling.messages import Delivery, StoredMessage

log: Final = logging.getLogger(__name__)

ACKS: Final = frozenset({102, 200, 201, 202, 204})
"""The only answers that acknowledge; HTTP itself makes 102 an interim one, so that the last answer decides."""
_PLAIN_HEADERS: Final = frozenset(
    {
        "Authorization",
        "Content-Type",
        "x-goog-pubsub-message-id",
        "x-goog-pubsub-ordering-key",
        "x-goog-pubsub-publish-time",
        "x-goog-pubsub-subscription-name",
    }
)
"""Headers that mean nothing to HTTP itself. Attributes may be named as any, and are left to aiohttp to send."""
_SENDER: Final = {"User-Agent": "CloudPubSub-Google", "From": "noreply@google.com"}
_SENDER_LINES: Final = "".join(f"{name}: {value}\r\n" for name, value in _SENDER.items()).encode()
_MOST_CLIENTS: Final = 100
"""Addresses that are kept in mind; beyond them, those without a connection are let go."""
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")


@dataclass(frozen=True, slots=True)
class Identity:
    """Service account and audience of a push's token."""

    email: str
    audience: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one subscription pushes to, and how; `timeout` in seconds."""

    url: str
    subscription: str
    wrapped: bool = True
    write_metadata: bool = False
    with_attempt: bool = False
    timeout: float = 10.0
    identity: Identity | None = None


class PushSigner(Protocol):
    """Sign the tokens of pushes."""

    def token(self, identity: Identity) -> str:
        """Give a JWT that is good for a while."""
        ...


class Pusher:
    """POST deliveries over kept-alive connections; an async context manager.

    Plain HTTP to this machine goes the short way (`rookery.broker.delivery.http_client`), everything else through aiohttp's client.
    """

    def __init__(self, signer: PushSigner) -> None:
        self._signer = signer
        self._session: aiohttp.ClientSession | None = None
        self._clients: dict[tuple[str, int], HttpClient] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=None, keepalive_timeout=KEEPALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers={"Accept", "Accept-Encoding"},
            headers=_SENDER,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._clients.values():
            each.close()
        self._clients.clear()
        if self._session is not None:
            await self._session.close()

    async def post(self, delivery: Delivery, endpoint: Endpoint) -> bool:
        """Push one delivery; True if the endpoint acknowledged it in time."""
        if self._session is None:
            raise RuntimeError("the pusher is not open")
        try:
            headers, payload = self._headers(delivery, endpoint), body(delivery, endpoint)
            to = place(endpoint.url)
            if to is None or not _PLAIN_HEADERS.issuperset(headers):
                return await self._post(self._session, endpoint, headers, payload) in ACKS
            return await self._client(to).post(_request(to, headers, payload), endpoint.timeout) in ACKS
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        except Exception:  # a push that cannot be made has failed like any other, and is tried again
            log.exception("a push to %a failed", endpoint.url)
            return False

    def _client(self, to: HttpAddress) -> HttpClient:
        client = self._clients.get(to.address)
        if client is None:
            if len(self._clients) >= _MOST_CLIENTS:
                self._clients = {address: each for address, each in self._clients.items() if each.in_use}
            client = self._clients[to.address] = HttpClient(*to.address)
        return client

    async def _post(
        self, session: aiohttp.ClientSession, endpoint: Endpoint, headers: dict[str, str], payload: bytes
    ) -> int:
        async with session.post(
            URL(endpoint.url, encoded=True),
            data=payload,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=endpoint.timeout, sock_connect=CONNECT_SECONDS),
            allow_redirects=False,
        ) as response:
            await response.read()
            return response.status

    def _headers(self, delivery: Delivery, endpoint: Endpoint) -> dict[str, str]:
        headers = (
            {"Content-Type": "application/json"}
            if endpoint.wrapped
            else unwrapped_headers(delivery, endpoint)
        )
        if endpoint.identity is not None:
            headers["Authorization"] = f"Bearer {self._signer.token(endpoint.identity)}"
        return headers


def _request(to: HttpAddress, headers: dict[str, str], payload: bytes) -> bytes:
    """Write a request for the short way: the same headers as aiohttp's client sends."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return b"%b%b%bContent-Length: %d\r\n\r\n%b" % (
        to.start,
        _SENDER_LINES,
        lines.encode(),
        len(payload),
        payload,
    )


def body(delivery: Delivery, endpoint: Endpoint) -> bytes:
    """Write what is posted: the payload itself, or the JSON that wraps it."""
    return _wrapped(delivery, endpoint) if endpoint.wrapped else delivery.message.data


def _wrapped(delivery: Delivery, endpoint: Endpoint) -> bytes:
    """Put the JSON together by hand: what is neither attribute, key nor name needs no escaping."""
    message = delivery.message
    published = rfc3339(message.published_at)
    data = binascii.b2a_base64(message.data, newline=False).decode("ascii")
    attributes = f',"attributes":{_json(dict(message.attributes))}' if message.attributes else ""
    key = f',"orderingKey":{_json(message.ordering_key)}' if message.ordering_key else ""
    attempt = f',"deliveryAttempt":{delivery.attempt}' if endpoint.with_attempt else ""
    return (
        f'{{"message":{{"data":"{data}","messageId":"{message.message_id}","message_id":"{message.message_id}"'
        f',"publishTime":"{published}","publish_time":"{published}"{attributes}{key}}}'
        f',"subscription":{_quoted(endpoint.subscription)}{attempt}}}'
    ).encode()


_json: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_quoted: Final = lru_cache(maxsize=1_024)(_json)


def unwrapped_headers(delivery: Delivery, endpoint: Endpoint) -> dict[str, str]:
    """Write an unwrapped push's headers: the attributes that HTTP can carry, and the message's own.

    The content type is the attribute of this name, in whatever case. Production sends none where there is no such
    attribute; Google's emulator, and so this broker, says what a form would.
    """
    if not endpoint.write_metadata:
        return {_CONTENT_TYPE: _FORM}
    return {
        _CONTENT_TYPE: _FORM,
        **_as_headers(delivery.message),
        "x-goog-pubsub-subscription-name": endpoint.subscription,
        "x-goog-pubsub-message-id": delivery.message.message_id,
        "x-goog-pubsub-publish-time": rfc3339(delivery.message.published_at),
        **_key_as_header(delivery.message),
    }


def _key_as_header(message: StoredMessage) -> dict[str, str]:
    key = message.ordering_key
    return {"x-goog-pubsub-ordering-key": key} if key and _HEADER_VALUE.fullmatch(key) else {}


_CONTENT_TYPE: Final = "Content-Type"
_FORM: Final = "application/x-www-form-urlencoded"
_OURS: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that frame or route the request itself: attributes of these names would break it or stall it."""
_METADATA: Final = "x-goog-pubsub-"


def _as_headers(message: StoredMessage) -> dict[str, str]:
    return {
        (_CONTENT_TYPE if name.lower() == "content-type" else name): value
        for name, value in (message.attributes or {}).items()
        if _HEADER_NAME.fullmatch(name)
        and _HEADER_VALUE.fullmatch(value)
        and name.lower() not in _OURS
        and not name.lower().startswith(_METADATA)
    }
