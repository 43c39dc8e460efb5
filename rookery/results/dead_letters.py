"""Dead letters sent again: pulled, published to the readings' topic, and acknowledged only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.api_core import exceptions as api
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PubsubMessage

from rookery.environment.provision import clients
from rookery.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from google.pubsub_v1 import ReceivedMessage

ADDED: Final = "CloudPubSubDeadLetter"
"""Pub/Sub's own attributes of a dead letter begin so; they belong to the attempts that failed."""

_TOGETHER: Final = 100
_MOST_BYTES: Final = 9_000_000
"""Of messages in one publish request, below Pub/Sub's 10 MB."""

_PULL_S: Final = 5.0
"""How long a pull waits for a message before there is none left."""

_CALL: Final[dict[str, Any]] = {"timeout": 30.0, "retry": None}


def republished(
    subscription: str, topic: str, *, broker: str | None, most: int | None = None
) -> Iterator[int]:
    """Send dead letters to a topic again, and yield how many went in each request; raises UserError.

    One that was published and not yet acknowledged when this ends comes a second time: the reading's own id makes it
    a duplicate.
    """
    topics, subscriptions = clients(broker)
    sent = 0
    try:
        while most is None or sent < most:
            wanted = _TOGETHER if most is None else min(_TOGETHER, most - sent)
            received = _pulled(subscriptions, subscription, wanted)
            if not received:
                return
            for batch in _batches(received):
                topics.publish(topic=topic, messages=[_again(each) for each in batch], **_CALL)
                ack_ids = [each.ack_id for each in batch]
                subscriptions.acknowledge(subscription=subscription, ack_ids=ack_ids, **_CALL)
                sent += len(batch)
                yield len(batch)
    except (api.GoogleAPICallError, GoogleAuthError) as error:
        raise UserError(
            f"{getattr(error, 'message', None) or error}.", hint=f"{sent} dead letters were sent before."
        ) from None
    finally:
        for each in (topics, subscriptions):
            each.transport.close()  # type: ignore[no-untyped-call]  # generated code


def _pulled(subscriptions: Any, name: str, most: int) -> Sequence[ReceivedMessage]:
    try:
        answer = subscriptions.pull(subscription=name, max_messages=most, timeout=_PULL_S, retry=None)
    except api.DeadlineExceeded:
        return ()
    received: Sequence[ReceivedMessage] = answer.received_messages
    return received


def _batches(received: Sequence[ReceivedMessage]) -> Iterator[list[ReceivedMessage]]:
    batch: list[ReceivedMessage] = []
    size = 0
    for each in received:
        bytes_of = len(each.message.data) + sum(len(k) + len(v) for k, v in each.message.attributes.items())
        if batch and size + bytes_of > _MOST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += bytes_of
    yield batch


def _again(received: ReceivedMessage) -> PubsubMessage:
    dead = received.message
    return PubsubMessage(
        data=dead.data,
        attributes={name: value for name, value in dead.attributes.items() if not name.startswith(ADDED)},
        ordering_key=dead.ordering_key,
    )
