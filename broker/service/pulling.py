"""Pull and StreamingPull: deliveries as Google's messages, and the rules on who may pull how."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from rookery.broker.delivery.dispatcher import PullRequest
from rookery.broker.errors import InvalidArgumentError
from rookery.broker.scheduling.ordering import Holder
from rookery.broker.service import proto

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rookery.broker.delivery.dispatcher import Dispatcher
    from rookery.broker.scheduling.messages import Delivery
    from rookery.broker.service.catalogue import Catalogue
    from rookery.broker.service.proto import Proto

MAX_PULL_MESSAGES: Final = 1_000
PULL_WAIT_SECONDS: Final = 10.0
"""How long a unary pull waits for a message before it answers with none."""
_SHORTEST_STREAM_DEADLINE: Final = 10
_LONGEST_DEADLINE: Final = 600


async def pull(catalogue: Catalogue, request: Proto) -> Proto:
    """Answer one unary pull."""
    if request.max_messages < 1:
        raise InvalidArgumentError(f"max_messages is {request.max_messages}, needed is 1 or more.")
    dispatcher = _pullable(catalogue, request.subscription)
    order = PullRequest(min(request.max_messages, MAX_PULL_MESSAGES))
    deliveries = (
        dispatcher.pull_now(order)
        if request.return_immediately
        else await dispatcher.pull(order, timeout=PULL_WAIT_SECONDS)
    )
    return proto.PullResponse(received_messages=received(dispatcher, deliveries))


def modify_ack_deadline(catalogue: Catalogue, request: Proto) -> None:
    """Extend or fail deliveries."""
    _extend(catalogue.dispatcher(request.subscription), request.ack_ids, request.ack_deadline_seconds)


async def stream(
    catalogue: Catalogue, requests: AsyncIterator[Proto], write: Callable[[Proto], Awaitable[None]]
) -> None:
    """Answer one StreamingPull until the client closes it.

    Raises NotFoundError when the subscription is deleted, FailedPreconditionError when it is turned to push.
    """
    first = await anext(requests, None)
    if first is None:
        return
    dispatcher = _pullable(catalogue, first.subscription)
    seconds = first.stream_ack_deadline_seconds
    if not _SHORTEST_STREAM_DEADLINE <= seconds <= _LONGEST_DEADLINE:
        raise InvalidArgumentError(f"stream_ack_deadline_seconds is {seconds}, needed is 10 to 600.")
    holder = Holder(max(0, first.max_outstanding_messages), max(0, first.max_outstanding_bytes))
    _apply(dispatcher, first)
    reader = asyncio.create_task(_read(dispatcher, requests), name=f"stream acks {dispatcher.name}")
    order = PullRequest(MAX_PULL_MESSAGES, holder, float(seconds))
    writer = asyncio.create_task(_write(dispatcher, order, write), name=f"stream {dispatcher.name}")
    await _first_of(reader, writer)


async def _first_of(*tasks: asyncio.Task[None]) -> None:
    """Wait for one task to end, end the others, and raise what it raised."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _read(dispatcher: Dispatcher, requests: AsyncIterator[Proto]) -> None:
    async for request in requests:
        if request.subscription:
            raise InvalidArgumentError("Only the first request of a stream names the subscription.")
        _apply(dispatcher, request)


def _apply(dispatcher: Dispatcher, request: Proto) -> None:
    if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
        raise InvalidArgumentError("modify_deadline_ack_ids and modify_deadline_seconds differ in length.")
    dispatcher.acknowledge(request.ack_ids)
    for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
        _extend(dispatcher, [ack_id], seconds)


async def _write(
    dispatcher: Dispatcher, order: PullRequest, write: Callable[[Proto], Awaitable[None]]
) -> None:
    properties = proto.StreamingPullResponse.SubscriptionProperties(
        message_ordering_enabled=dispatcher.subscription.rules.ordered
    )
    while True:
        deliveries = await dispatcher.pull(order, timeout=None)
        await write(
            proto.StreamingPullResponse(
                received_messages=received(dispatcher, deliveries), subscription_properties=properties
            )
        )


def _extend(dispatcher: Dispatcher, ack_ids: list[str], seconds: int) -> None:
    if not 0 <= seconds <= _LONGEST_DEADLINE:
        raise InvalidArgumentError(f"ack_deadline_seconds is {seconds}, needed is 0 to 600.")
    dispatcher.extend(ack_ids, seconds)


def _pullable(catalogue: Catalogue, name: str) -> Dispatcher:
    dispatcher = catalogue.dispatcher(name)
    dispatcher.check_pullable()
    return dispatcher


def received(dispatcher: Dispatcher, deliveries: list[Delivery]) -> list[Proto]:
    """Write deliveries as ReceivedMessage; the attempt only where there is a dead-letter policy."""
    with_attempt = dispatcher.subscription.rules.dead_letter is not None
    return [
        proto.ReceivedMessage(
            ack_id=delivery.ack_id,
            message=_message(delivery),
            delivery_attempt=delivery.attempt if with_attempt else 0,
        )
        for delivery in deliveries
    ]


def _message(delivery: Delivery) -> Proto:
    message = delivery.message
    written = proto.PubsubMessage(
        data=message.data,
        attributes=message.attributes,
        message_id=message.message_id,
        ordering_key=message.ordering_key,
    )
    milliseconds = int(message.published_at * 1_000)
    written.publish_time.seconds = milliseconds // 1_000
    written.publish_time.nanos = milliseconds % 1_000 * 1_000_000
    return written
