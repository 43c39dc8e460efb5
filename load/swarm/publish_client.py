"""PublishClient: how a swarm's messages reach Pub/Sub. REST on gevent's own sockets, or Google's gRPC client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from rookery.schemas.codec import in_base64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TIMEOUT_S: Final = 30.0
_OK: Final = 200
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """One message."""

    payload: bytes
    attributes: Mapping[str, str]


class PublishFailedError(RuntimeError):
    """The request failed, or its answer does not name every message."""


class PublishClient(Protocol):
    """Publishes one request; must be used from one user only."""

    kind: str

    def publish(self, messages: Sequence[PublishRequest]) -> list[str]:
        """Send the messages in one request and give their ids; raises PublishFailedError."""

    def close(self) -> None:
        """Let go of the connections."""


class RestPublishClient:
    """`POST .../topics/T:publish`. The host is `http://HOST:PORT`, or `https://pubsub.googleapis.com` with a token.

    `connections` bounds the requests in flight; `token()` gives an access token, or "" where none is needed.
    """

    kind = "REST"

    def __init__(
        self, host: str, topic: str, *, connections: int = 1, token: Callable[[], str] = lambda: ""
    ) -> None:
        # gevent has to be there before anything of its client is; a report or a test needs neither.
        from geventhttpclient import HTTPClient  # noqa: PLC0415  see above

        address = urlsplit(host)
        secure = address.scheme == "https"
        self._client: Any = HTTPClient(
            address.hostname or "",
            address.port or (443 if secure else 80),
            ssl=secure,
            concurrency=connections,
            connection_timeout=TIMEOUT_S,
            network_timeout=TIMEOUT_S,
        )
        self._path = f"/v1/{topic}:publish"
        self._token = token

    def publish(self, messages: Sequence[PublishRequest]) -> list[str]:
        """Send the messages in one request and give their ids; raises PublishFailedError."""
        body = json.dumps(
            {
                "messages": [
                    {"data": in_base64(each.payload), "attributes": dict(each.attributes)}
                    for each in messages
                ]
            },
            separators=(",", ":"),
        )
        headers = {"Content-Type": "application/json"}
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = self._client.post(self._path, body=body, headers=headers)
            status, said = int(answer.status_code), bytes(answer.read())
        except Exception as error:
            # Its errors have no family of their own: sockets', TLS's, ConnectionError, HTTPParseError.
            raise PublishFailedError(f"{type(error).__name__}: {error}") from error
        return _ids(status, said, len(messages))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


def _ids(status: int, said: bytes, count: int) -> list[str]:
    if status != _OK:
        raise PublishFailedError(f"HTTP {status}: {said[:_SHOWN].decode(errors='replace')}")
    try:
        ids = [str(each) for each in json.loads(said)["messageIds"]]
    except (ValueError, KeyError, TypeError):
        raise PublishFailedError(f"no answer of Pub/Sub's: {said[:_SHOWN]!r}") from None
    if len(ids) != count:
        raise PublishFailedError(f"{count} message ids are needed, {len(ids)} came")
    return ids


class GrpcPublishClient:
    """Google's generated client over an insecure channel: a broker or emulator on this machine only.

    `grpc.experimental.gevent.init_gevent()` must have been called before: without it a call blocks every user and
    reported latencies are wrong. Others report crashes of this combination (locust#2692).
    """

    kind = "gRPC"

    def __init__(self, host: str, topic: str) -> None:
        # A second of imports that REST does without.
        import grpc  # noqa: PLC0415  see above
        from google.pubsub_v1 import PublisherClient  # noqa: PLC0415  see above
        from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport  # noqa: PLC0415

        address = urlsplit(host).netloc
        self._channel = grpc.insecure_channel(address)
        self._client = PublisherClient(transport=PublisherGrpcTransport(host=address, channel=self._channel))
        self._topic = topic

    def publish(self, messages: Sequence[PublishRequest]) -> list[str]:
        """Send the messages in one request and give their ids; raises PublishFailedError."""
        sent: list[Any] = [{"data": each.payload, "attributes": dict(each.attributes)} for each in messages]
        try:
            answer = self._client.publish(topic=self._topic, messages=sent, timeout=TIMEOUT_S, retry=None)
        except Exception as error:
            raise PublishFailedError(f"{type(error).__name__}: {error}") from error
        return list(answer.message_ids)

    def close(self) -> None:
        """Let go of the connections."""
        self._channel.close()
